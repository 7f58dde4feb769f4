/** What a server may be told, and what goes when it is told nothing. */

import type { ModelToServe } from "./engine/messages.js"

export interface ServeOptions {
  /** Models by folder, built-in name, GGUF file or hub id; `id` is what requests call them. @default emoji-diffusion and emoji-ar */
  models?: readonly (string | ModelToServe)[]
  /** @default 8080; 0: any that is free */
  port?: number
  /** Address to listen on. @default 127.0.0.1 */
  host?: string
  /** Keys of which a request must show one. Needed, or `noAuth`, where others than this machine can reach the server. */
  apiKeys?: readonly string[]
  /** Whoever reaches the server may ask. @default false */
  noAuth?: boolean
  /** Names by which the server may be asked. @default on a loopback address those of this machine, else any */
  allowedHosts?: readonly string[]
  /** Pages of these origins may ask, such as https://example.com; "*": of any. @default only its own */
  corsOrigins?: readonly string[]
  /** Whether addresses of pictures are followed. @default false */
  allowRemoteImages?: boolean
  /** Folder of pictures that requests may name by file:///… */
  imageRoot?: string
  /** Folder of trainings to look at. @default runs */
  runs?: string
  /** Folder of the page that is shown at /. @default the one that ships */
  page?: string
  /**
   * Whether what is kept of prompts, pictures and formats is found only by requests of the same key and of the same `user`,
   * `prompt_cache_key` or `metadata`, so that no time tells what others asked. @default false
   */
  separateCaches?: boolean
  dtype?: string
  device?: string
  limits?: Partial<ServeLimits>
  /** Milliseconds in which answers are finished when the server ends. @default 30 000 */
  graceMs?: number
  /** One line per request and event, as plain data. @default nowhere */
  log?: (entry: LogEntry) => void
  /** Whether prompts are logged. @default false */
  logPrompts?: boolean
}

export interface ServeLimits {
  /** Answers under way at a time. */
  concurrent: number
  /** Requests that may wait. */
  queue: number
  /** Bytes of a request. */
  bodyBytes: number
  /** Time in which a request's body has to come, in milliseconds. */
  bodyMs: number
  /** Pictures of a request, and pixels of each. */
  pictures: number
  pixels: number
  /** Tokens of a prompt, pictures included. */
  promptTokens: number
  /** Tokens of an answer. */
  answerTokens: number
  /** Memory for all answers under way, in bytes. */
  cacheBytes: number
  /** Memory for what is kept of earlier requests, of each model, in bytes. @default an eighth of what is free, at most 4 GiB; 1 GiB on a GPU */
  prefixBytes?: number
  /** Time of a request, in milliseconds. */
  requestMs: number
  /** Bytes that may wait for a slow reader, and how long, in milliseconds. */
  unreadBytes: number
  unreadMs: number
  /** The engine is taken for stuck when it says nothing for so long, in milliseconds. */
  stuckMs: number
}

/** Plain data; its members depend on what happened. */
export type LogEntry = { event: string } & Record<string, unknown>

export const DEFAULT_MODELS = ["emoji-diffusion", "emoji-ar"]
export const DEFAULT_PORT = 8080
export const DEFAULT_HOST = "127.0.0.1"
export const DEFAULT_GRACE_MS = 30_000

export const DEFAULT_LIMITS: ServeLimits = {
  concurrent: 16,
  queue: 64,
  bodyBytes: 16 * 2 ** 20,
  bodyMs: 60_000,
  pictures: 16,
  pixels: 32_000_000,
  promptTokens: 32_768,
  answerTokens: 4096,
  cacheBytes: 2 * 2 ** 30,
  requestMs: 600_000,
  unreadBytes: 2 ** 20,
  unreadMs: 30_000,
  stuckMs: 120_000,
}
