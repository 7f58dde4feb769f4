/** What is kept of a request for its line in the log and for the numbers: nothing of what was said in it. */

export interface RequestRecord {
  id: string
  status: number
  milliseconds: number
  model?: string
  stream?: boolean
  /** Time that it waited for its place, and until its first text was final, both in milliseconds. */
  queueMs?: number
  firstTextMs?: number
  promptTokens?: number
  cachedTokens?: number
  tokens?: number
  forwards?: number
  /** Time of decoding. */
  decodeMs?: number
  /** Why its answers ended. */
  finish?: string[]
  /** What its client was told; of a mistake of theirs only its kind, and the key of the request that is at fault. */
  error?: string
  param?: string
  /** What its client was not told. */
  reason?: string
  /** Only where prompts are logged. */
  prompt?: unknown
}
