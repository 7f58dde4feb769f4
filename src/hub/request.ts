/** One HTTP request to the hub: token, retries with back-off, and refusals as sentences. */
import { setTimeout as sleep } from "node:timers/promises"
import { UserError } from "../errors.js"
import type { HubSettings } from "./settings.js"

export interface RequestOptions {
  settings: HubSettings
  /** What is asked for, in words for errors: "org/name" or "org/name@revision". */
  subject: string
  signal?: AbortSignal
  headers?: Record<string, string>
  tries?: number
  /** First pause between tries; doubles each time. */
  retryDelayMs?: number
  /** A connection without a byte for this long is given up and tried again. */
  stallMs?: number
  onRetry?: (reason: string, seconds: number) => void
}

export const MAX_TRIES = 6
const DEFAULT_DELAY_MS = 1_000
const MAX_DELAY_MS = 60_000
export const DEFAULT_STALL_MS = 60_000

/** The server cannot be reached or keeps failing: a cached copy may stand in. */
export class HubUnreachable extends UserError {}

/**
 * Sends one GET and gives its response, whatever the body. Connection failures and 408, 429, 5xx are tried again.
 * @throws UserError for refusals; HubUnreachable when no answer could be had.
 */
export async function request(url: string, options: RequestOptions): Promise<Response> {
  const { settings, signal } = options
  for (let attempt = 1; ; attempt++) {
    let reason: string
    let wait: number | undefined
    try {
      const response = await fetchWithin(url, options)
      if (response.ok || response.status === 416) return response
      await response.body?.cancel()
      if (!isTransient(response.status)) throw refusal(response, options)
      reason = response.status === 429 ? "the hub asks to slow down (429)" : `the hub answered ${response.status}`
      const after = Number(response.headers.get("retry-after"))
      if (after > 0) wait = after * 1000
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof UserError) throw error
      reason = connectionProblem(error)
    }
    if (attempt === (options.tries ?? MAX_TRIES))
      throw new HubUnreachable(`cannot load ${options.subject}: ${reason}`, {
        where: settings.endpoint,
        fix: "Check the connection and run it again; HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 uses only the cache.",
      })
    await pause(attempt, reason, options, wait)
  }
}

/** Waits before the next try; `wait` is what the server asked for. */
export async function pause(attempt: number, reason: string, options: RequestOptions, wait?: number): Promise<void> {
  const delay = Math.min(wait ?? (options.retryDelayMs ?? DEFAULT_DELAY_MS) * 2 ** (attempt - 1), MAX_DELAY_MS)
  options.onRetry?.(reason, delay / 1000)
  await sleep(delay, undefined, { signal: options.signal })
}

/** The connection must answer within the stall time; the body has its own clock. */
async function fetchWithin(url: string, options: RequestOptions): Promise<Response> {
  const stalled = new AbortController()
  const timer = setTimeout(() => stalled.abort(new Error("no answer")), options.stallMs ?? DEFAULT_STALL_MS)
  const signals = [stalled.signal, ...(options.signal ? [options.signal] : [])]
  try {
    // Compressed answers would make byte ranges and lengths meaningless.
    const headers: Record<string, string> = {
      "accept-encoding": "identity",
      "user-agent": "diffusionvl",
      ...options.headers,
    }
    if (options.settings.token) headers.authorization = `Bearer ${options.settings.token}`
    return await fetch(url, { headers, signal: AbortSignal.any(signals) })
  } finally {
    clearTimeout(timer)
  }
}

function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

/** A sentence for a failed connection: fetch hides the reason in `cause`. */
export function connectionProblem(error: unknown): string {
  const { message, cause } = error as Error
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  const known: Record<string, string> = {
    ENOTFOUND: "the name of the server is not known",
    EAI_AGAIN: "the name of the server cannot be looked up",
    ECONNREFUSED: "the connection was refused",
    ECONNRESET: "the connection broke",
    UND_ERR_SOCKET: "the connection broke",
  }
  return (code && (known[code] ?? code)) || message
}

function refusal(response: Response, { settings, subject }: RequestOptions): UserError {
  const code = response.headers.get("x-error-code")
  const page = `${settings.endpoint}/${subject.split("@")[0]}`
  const say = (what: string, fix: string) => new UserError(what, { where: subject, fix })
  if (code === "GatedRepo")
    return settings.token
      ? say("access to this model must be granted first", `Ask for it at ${page}.`)
      : say("this model needs a login", `Accept its terms at ${page} and set HF_TOKEN to a token of yours.`)
  if (code === "RevisionNotFound") return say("the model has no such revision", `See ${page}/refs.`)
  if (code === "EntryNotFound") return say("the model has no such file", `See ${page}/tree/main.`)
  if (response.status === 404 || code === "RepoNotFound")
    return say(
      settings.token
        ? "there is no such model, or your token may not see it"
        : "there is no such model, or it is private",
      "Check the spelling; for a private model set HF_TOKEN.",
    )
  if (response.status === 401)
    return say(
      settings.token ? "the hub rejects the token" : "this model needs a login",
      "Set HF_TOKEN to a valid token.",
    )
  if (response.status === 403) return say("the token has no access to this model", `Ask for access at ${page}.`)
  return say(`the hub refuses with status ${response.status}`, `Look at ${page}.`)
}
