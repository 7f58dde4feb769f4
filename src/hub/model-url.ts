/** The address of a model's page in the place of its name. */

import { type UrlProblem, urlProblem, urlScheme } from "../url.js"
import { parseHubId } from "./hub-id.js"

/** Whose pages are called by the id of the model; also whatever HF_ENDPOINT names. */
const HUBS = ["huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com"]

/** What to say of an address that stands for a model, with the model's id where the address has it; undefined for a name. */
export function modelUrlProblem(name: string): UrlProblem | undefined {
  const problem = urlProblem(name, "model")
  if (!problem || urlScheme(name) === "file") return problem
  const id = idIn(name)
  return {
    ...problem,
    fix: id
      ? `give the id instead: ${id}`
      : "name a folder, or a hub id such as Qwen/Qwen2.5-VL-3B-Instruct or org/name@revision",
  }
}

/** "org/name", with the revision of a page that shows one. */
function idIn(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined
  const { protocol, hostname, pathname } = new URL(address)
  const endpoint = process.env.HF_ENDPOINT ?? ""
  const hubs = URL.canParse(endpoint) ? [...HUBS, new URL(endpoint).hostname] : HUBS
  const parts = pathname.split("/").filter(Boolean)
  if (protocol === "hf:") parts.unshift(hostname)
  else if (!hubs.includes(hostname)) return undefined
  const [org, model, page, revision] = parts
  if (model === undefined) return undefined
  const shown = ["tree", "blob", "resolve", "commit"].includes(page) && revision && revision !== "main"
  const id = `${org}/${model}${shown ? `@${revision}` : ""}`
  return parseHubId(id) && id
}
