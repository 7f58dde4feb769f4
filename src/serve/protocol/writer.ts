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
  warning: string | undefined

  started(promptTokens: number): void {
    this.promptTokens = promptTokens
  }

  /** Answers of one request are computed beside one another: time is that of the longest. */
  finished({ tokens, forwards, milliseconds, cachedTokens, warning }: AnswerStatistics): void {
    this.warning ??= warning
    this.tokens += tokens
    this.forwards += forwards
    this.milliseconds = Math.max(this.milliseconds, milliseconds)
    this.cachedTokens = Math.max(this.cachedTokens, cachedTokens)
  }

  /** Speeds of decoding and a warning, for the extra that other servers do not tell. */
  diffusion(): object {
    const { forwards, tokens, milliseconds, warning } = this
    return {
      forwards,
      nfe_per_token: rounded(forwards / Math.max(1, tokens)),
      tokens_per_second: rounded(tokens / Math.max(1e-3, milliseconds / 1000)),
      milliseconds: rounded(milliseconds),
      ...(warning !== undefined && { warning }),
    }
  }
}

const rounded = (value: number): number => Number(value.toPrecision(6))
