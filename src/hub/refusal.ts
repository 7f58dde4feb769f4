/** What the hub's refusals mean, and what to do about them. */
import { UserError } from "../errors.js"
import { type HubKind, pagePrefix } from "./cache.js"
import type { Answer } from "./connection.js"
import type { HubSettings } from "./settings.js"

/** @param subject "org/name" or "org/name@revision" */
export function refusal(
  { status, headers, url }: Pick<Answer, "status" | "headers" | "url">,
  { endpoint, token }: HubSettings,
  subject: string,
  kind: HubKind = "model",
): UserError {
  const code = headers["x-error-code"]
  const page = `${endpoint}/${pagePrefix(kind)}${subject.split("@")[0]}`
  const say = (what: string, fix: string) => new UserError(what, { where: subject, fix })
  if (code === "GatedRepo")
    return token
      ? say(`access to this ${kind} must be granted first`, `Ask for it at ${page}.`)
      : say(`this ${kind} needs a login`, `Accept its terms at ${page} and set HF_TOKEN to a token of yours.`)
  if (code === "RevisionNotFound") return say(`the ${kind} has no such revision`, `See ${page}/refs.`)
  if (code === "EntryNotFound") return say(`the ${kind} has no such file`, `See ${page}/tree/main.`)
  // Files lie on other servers, which know no models and no tokens.
  if (code === undefined && url.origin !== new URL(endpoint).origin)
    return new UserError(`${url.host}, where the hub keeps its files, refuses with status ${status}`, {
      where: subject,
      fix: "Run it again: it continues where it stopped. If it stays so, a proxy or a firewall may not let it through.",
    })
  if (status === 404 || code === "RepoNotFound")
    return say(
      token ? `there is no such ${kind}, or your token may not see it` : `there is no such ${kind}, or it is private`,
      `Check the spelling; for a private ${kind} set HF_TOKEN.`,
    )
  if (status === 401)
    return say(token ? "the hub rejects the token" : `this ${kind} needs a login`, "Set HF_TOKEN to a valid token.")
  if (status === 403 && !token)
    return say(`the hub does not give this ${kind} without a login`, "Set HF_TOKEN to a token that may read it.")
  if (status === 403) return say(`the token has no access to this ${kind}`, `Ask for access at ${page}.`)
  return say(`the hub refuses with status ${status}`, `Look at ${page}.`)
}
