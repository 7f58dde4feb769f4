/** One request to the hub: token, redirects, retries with back-off, and refusals as sentences. */
import { setTimeout as sleep } from "node:timers/promises"
import { UserError } from "../errors.js"
import type { HubKind } from "./cache.js"
import { type Answer, ConnectionError, exchange } from "./connection.js"
import { proxyFor } from "./proxy.js"
import { refusal } from "./refusal.js"
import type { HubSettings } from "./settings.js"

export interface RequestOptions {
  settings: HubSettings
  /** What is asked for, in words for errors: "org/name" or "org/name@revision". */
  subject: string
  /** @default "model" */
  kind?: HubKind
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
const DEFAULT_STALL_MS = 60_000
const MAX_REDIRECTS = 10
/** A short answer may take this many stall times altogether: one that drips would else never end. */
const TEXT_STALLS = 5

/** The server cannot be reached, keeps failing or must not be asked: a copy may stand in. */
export class HubUnreachable extends UserError {}

/** Worth another try, after `wait` milliseconds if the server said so. */
class Transient extends Error {
  constructor(
    message: string,
    readonly wait?: number,
  ) {
    super(message)
  }
}

/**
 * Sends one GET and gives its answer, whose body has the stall clock. Connection failures and 408, 429, 5xx are tried
 * again.
 * @throws UserError for refusals; HubUnreachable when no answer could be had.
 */
export function request(url: string, options: RequestOptions): Promise<Answer> {
  return retrying(options, () => answerTo(url, options))
}

/**
 * The same with the whole body, which a broken connection fetches again.
 * @throws UserError also when the body is larger than `maxBytes`
 */
export function requestText(
  url: string,
  maxBytes: number,
  options: RequestOptions,
): Promise<{ text: string; headers: Answer["headers"] }> {
  return retrying(options, async () => {
    const answer = await answerTo(url, options)
    const deadline = performance.now() + TEXT_STALLS * (options.stallMs ?? DEFAULT_STALL_MS)
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of answer.body) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > maxBytes)
        throw new UserError(`the answer is larger than ${maxBytes / 1e6} MB: this is not what a model hub gives`, {
          where: options.subject,
          fix: "Check HF_ENDPOINT.",
        })
      if (performance.now() > deadline) throw new Transient("the answer did not end")
    }
    return { text: Buffer.concat(chunks).toString("utf8"), headers: answer.headers }
  })
}

/** Hubs that could not be reached, all tries long, and until when one try is enough to say so again: without a network each would be waited for. */
const lost = new Map<string, number>()
const LOST_MS = 60_000

async function retrying<T>(options: RequestOptions, action: () => Promise<T>): Promise<T> {
  const { endpoint } = options.settings
  const tries = performance.now() < (lost.get(endpoint) ?? 0) ? 1 : (options.tries ?? MAX_TRIES)
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await action()
      lost.delete(endpoint)
      return found
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!(error instanceof Transient || error instanceof ConnectionError)) throw error
      if (attempt >= tries) {
        if (error instanceof ConnectionError) lost.set(endpoint, performance.now() + LOST_MS)
        throw new HubUnreachable(`cannot load ${options.subject}: ${error.message}`, {
          where: options.settings.endpoint,
          fix: "Check the connection and run it again; HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 uses only the cache.",
        })
      }
      await pause(attempt, error.message, options, error instanceof Transient ? error.wait : undefined)
    }
  }
}

/** Waits before the next try; `wait` is what the server asked for. */
export async function pause(attempt: number, reason: string, options: RequestOptions, wait?: number): Promise<void> {
  const delay = Math.min(wait ?? (options.retryDelayMs ?? DEFAULT_DELAY_MS) * 2 ** (attempt - 1), MAX_DELAY_MS)
  options.onRetry?.(reason, delay / 1000)
  await sleep(delay, undefined, { signal: options.signal })
}

async function answerTo(url: string, options: RequestOptions): Promise<Answer> {
  const answer = await follow(new URL(url), options)
  const { status } = answer
  if ((status >= 200 && status < 300) || status === 416) return answer
  answer.discard()
  if (status !== 408 && status !== 429 && status < 500)
    throw refusal(answer, options.settings, options.subject, options.kind)
  const reason = status === 429 ? "the hub asks to slow down (429)" : `the hub answered ${status}`
  throw new Transient(reason, waitOf(answer.headers["retry-after"]))
}

/** Milliseconds that a Retry-After asks for, in seconds or as a date; undefined when it says nothing sensible. */
function waitOf(header: string | undefined): number | undefined {
  const text = header?.trim() ?? ""
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return wait > 0 ? wait : undefined
}

/** Follows redirects. The token stays with the server it is meant for. */
async function follow(start: URL, options: RequestOptions): Promise<Answer> {
  const { settings, subject, signal, stallMs = DEFAULT_STALL_MS } = options
  // Compressed answers would make byte ranges and lengths meaningless.
  const headers: Record<string, string> = {
    "accept-encoding": "identity",
    "user-agent": "diffusionvl",
    ...options.headers,
  }
  if (settings.token) headers.authorization = `Bearer ${settings.token}`
  let url = start
  for (let hops = 0; ; hops++) {
    const answer = await exchange(url, { headers, proxy: proxyFor(url, settings.proxies), signal, stallMs })
    const { location } = answer.headers
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer
    answer.discard()
    const bad = (what: string) => new UserError(what, { where: subject, fix: "Check HF_ENDPOINT, or try again later." })
    if (hops === MAX_REDIRECTS) throw bad(`the hub sends from one address to another without an end`)
    if (!URL.canParse(location, url.href)) throw bad("the hub sends to an address that is none")
    const next = new URL(location, url)
    if (next.protocol !== "https:" && next.protocol !== "http:")
      throw bad(`the hub sends to an address of the kind ${next.protocol}, only http and https are followed`)
    if (next.protocol === "http:" && url.protocol === "https:")
      throw bad(`the hub sends from an encrypted address to one that is not (${next.host})`)
    next.username = ""
    next.password = ""
    if (next.origin !== url.origin) delete headers.authorization
    url = next
  }
}
