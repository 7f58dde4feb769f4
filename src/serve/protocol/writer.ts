/** How an answer is told, whatever the protocol: one object at the end, or events of a stream. */

import type { AnswerEvent, AnswerStatistics } from "../request.js"

/** An event of a stream of server-sent events. */
export interface SentEvent {
  /** A name; a plain event has none. */
  event?: string
  data: unknown
}

/** One answer of a request, put together from its events. */
export interface AnswerWriter {
  /** Takes in an event; what a stream says now. */
  take(event: AnswerEvent): SentEvent[]
  /** What a stream says at its end. */
  end(): SentEvent[]
  /** The answer as one object, when it is whole. */
  whole(): object
}

/** What an answer is called and of when it is. */
export interface AnswerIdentity {
  id: string
  /** Seconds since 1970. */
  created: number
  model: string
}

/** What all answers of a request took together. */
export class Totals {
  promptTokens = 0
  cachedTokens = 0
  tokens = 0
  forwards = 0
  milliseconds = 0

  started(promptTokens: number): void {
    this.promptTokens = promptTokens
  }

  /** Answers of one request are computed beside one another: time is that of the longest. */
  finished({ tokens, forwards, milliseconds, cachedTokens }: AnswerStatistics): void {
    this.tokens += tokens
    this.forwards += forwards
    this.milliseconds = Math.max(this.milliseconds, milliseconds)
    this.cachedTokens = Math.max(this.cachedTokens, cachedTokens)
  }

  /** Speeds of decoding, for the extra that other servers do not tell. */
  diffusion(): { forwards: number; nfe_per_token: number; tokens_per_second: number; milliseconds: number } {
    const { forwards, tokens, milliseconds } = this
    return {
      forwards,
      nfe_per_token: rounded(forwards / Math.max(1, tokens)),
      tokens_per_second: rounded(tokens / Math.max(1e-3, milliseconds / 1000)),
      milliseconds: rounded(milliseconds),
    }
  }
}

const rounded = (value: number): number => Number(value.toPrecision(6))
