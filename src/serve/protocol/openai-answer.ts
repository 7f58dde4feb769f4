/** Answers as `/v1/chat/completions` and `/v1/completions` tell them, whole and in chunks. Pure. */

import type { AnswerEvent, EndReason, TokenLogProbability } from "../request.js"
import { type AnswerIdentity, type AnswerWriter, type SentEvent, Totals } from "./writer.js"

/** The end of a stream; no JSON. */
export const DONE = "[DONE]"

const FINISH: Record<EndReason, "stop" | "length"> = { end: "stop", stop: "stop", length: "length" }

/** What the two endpoints do not share. */
interface Form {
  whole: string
  chunk: string
  /** The members of a choice that hold text. */
  text(text: string, tokens: readonly TokenLogProbability[], withLogs: boolean): object
  delta(text: string, tokens: readonly TokenLogProbability[], withLogs: boolean, before: number): object
  /** What each choice of a stream begins and ends with. */
  first?: object
  last: object
}

/** As many bytes as the token has, where it is whole characters. */
function bytesOf(token: string): number[] | null {
  return token.includes("\ufffd") ? null : [...new TextEncoder().encode(token)]
}

const chatLogs = (tokens: readonly TokenLogProbability[], withLogs: boolean): object => ({
  logprobs: withLogs
    ? {
        content: tokens.map(({ token, logProbability, top }) => ({
          token,
          logprob: logProbability,
          bytes: bytesOf(token),
          top_logprobs: top.map((other) => ({
            token: other.token,
            logprob: other.logProbability,
            bytes: bytesOf(other.token),
          })),
        })),
        refusal: null,
      }
    : null,
})

const CHAT: Form = {
  whole: "chat.completion",
  chunk: "chat.completion.chunk",
  text: (text, tokens, withLogs) => ({
    message: { role: "assistant", content: text, refusal: null },
    ...chatLogs(tokens, withLogs),
  }),
  delta: (text, tokens, withLogs) => ({ delta: { content: text }, ...chatLogs(tokens, withLogs) }),
  first: { delta: { role: "assistant", content: "" }, logprobs: null },
  last: { delta: {}, logprobs: null },
}

/** @param before characters of the tokens that were listed before: the text itself may be held back behind them, or be ahead */
function completionLogs(tokens: readonly TokenLogProbability[], withLogs: boolean, before: number): object {
  if (!withLogs) return { logprobs: null }
  let offset = before
  const offsets = tokens.map(({ token }) => {
    const at = offset
    offset += token.length
    return at
  })
  return {
    logprobs: {
      tokens: tokens.map(({ token }) => token),
      token_logprobs: tokens.map(({ logProbability }) => logProbability),
      top_logprobs: tokens.map(({ top }) =>
        Object.fromEntries(top.map(({ token, logProbability }) => [token, logProbability])),
      ),
      text_offset: offsets,
    },
  }
}

const COMPLETION: Form = {
  whole: "text_completion",
  chunk: "text_completion",
  text: (text, tokens, withLogs) => ({ text, ...completionLogs(tokens, withLogs, 0) }),
  delta: (text, tokens, withLogs, before) => ({ text, ...completionLogs(tokens, withLogs, before) }),
  last: { text: "", logprobs: null },
}

export interface OpenAiOptions extends AnswerIdentity {
  /** Answers that were asked for. */
  n: number
  /** Whether a stream ends with what it took. */
  usage: boolean
  /** Whether log-probabilities were asked for. */
  logs: boolean
}

interface Choice {
  text: string
  tokens: TokenLogProbability[]
  /** Characters of the tokens. */
  listed: number
  finish: "stop" | "length" | null
}

class OpenAiWriter implements AnswerWriter {
  readonly totals = new Totals()
  readonly #form: Form
  readonly #options: OpenAiOptions
  readonly #choices: Choice[]

  constructor(form: Form, options: OpenAiOptions) {
    this.#form = form
    this.#options = options
    this.#choices = Array.from({ length: options.n }, () => ({ text: "", tokens: [], listed: 0, finish: null }))
  }

  take(event: AnswerEvent): SentEvent[] {
    const { first, last } = this.#form
    switch (event.type) {
      case "started":
        this.totals.started(event.promptTokens)
        return first ? this.#choices.map((_, index) => this.#chunk({ index, ...first, finish_reason: null })) : []
      case "text":
        return [this.#text(event)]
      case "finished": {
        const { index, reason, statistics } = event
        this.totals.finished(statistics)
        this.#choices[index].finish = FINISH[reason]
        return [this.#chunk({ index, ...last, finish_reason: FINISH[reason] })]
      }
      default: {
        const { type, ...data } = event
        return [{ event: type, data }]
      }
    }
  }

  end(): SentEvent[] {
    const usage = this.#options.usage
      ? [{ data: { ...this.#head(this.#form.chunk), choices: [], usage: this.#usage() } }]
      : []
    return [...usage, { data: DONE }]
  }

  whole(): object {
    const { logs } = this.#options
    const choices = this.#choices.map(({ text, tokens, finish }, index) => ({
      index,
      ...this.#form.text(text, tokens, logs),
      finish_reason: finish,
    }))
    return { ...this.#head(this.#form.whole), choices, usage: this.#usage() }
  }

  #text({ index, text, tokens = [] }: Extract<AnswerEvent, { type: "text" }>): SentEvent {
    const choice = this.#choices[index]
    const delta = this.#form.delta(text, tokens, this.#options.logs, choice.listed)
    choice.text += text
    choice.tokens.push(...tokens)
    for (const { token } of tokens) choice.listed += token.length
    return this.#chunk({ index, ...delta, finish_reason: null })
  }

  #chunk(choice: object): SentEvent {
    const usage = this.#options.usage ? { usage: null } : {}
    return { data: { ...this.#head(this.#form.chunk), choices: [choice], ...usage } }
  }

  #head(object: string): object {
    const { id, created, model } = this.#options
    return { id, object, created, model }
  }

  #usage(): object {
    const { promptTokens, cachedTokens, tokens } = this.totals
    return {
      prompt_tokens: promptTokens,
      completion_tokens: tokens,
      total_tokens: promptTokens + tokens,
      prompt_tokens_details: { cached_tokens: cachedTokens },
      diffusion: this.totals.diffusion(),
    }
  }
}

export const chatWriter = (options: OpenAiOptions): AnswerWriter => new OpenAiWriter(CHAT, options)
export const completionWriter = (options: OpenAiOptions): AnswerWriter => new OpenAiWriter(COMPLETION, options)
