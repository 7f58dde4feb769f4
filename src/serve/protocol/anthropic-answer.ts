/** Answers as Anthropic's `/v1/messages` tells them, whole and as events in their exact order. Pure. */

import type { AnswerEvent, EndReason } from "../request.js"
import { type AnswerIdentity, type AnswerWriter, type SentEvent, Totals } from "./writer.js"

const REASON: Record<EndReason, string> = { end: "end_turn", stop: "stop_sequence", length: "max_tokens" }

/** Every event says its name twice, as strict clients want it. */
const sent = (data: { type: string } & Record<string, unknown>): SentEvent => ({ event: data.type, data })

export const PING: SentEvent = sent({ type: "ping" })

class MessageWriter implements AnswerWriter {
  readonly totals = new Totals()
  readonly #identity: AnswerIdentity
  #text = ""
  #reason: string | null = null
  #stop: string | null = null

  constructor(identity: AnswerIdentity) {
    this.#identity = identity
  }

  take(event: AnswerEvent): SentEvent[] {
    switch (event.type) {
      case "started":
        this.totals.started(event.promptTokens)
        return [
          sent({ type: "message_start", message: this.#message([]) }),
          sent({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
          PING,
        ]
      case "text":
        this.#text += event.text
        return [sent({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: event.text } })]
      case "finished":
        this.totals.finished(event.statistics)
        this.#reason = REASON[event.reason]
        this.#stop = event.stop ?? null
        return []
      default:
        return []
    }
  }

  end(): SentEvent[] {
    const delta = { stop_reason: this.#reason, stop_sequence: this.#stop }
    return [
      sent({ type: "content_block_stop", index: 0 }),
      sent({ type: "message_delta", delta, usage: this.#usage() }),
      sent({ type: "message_stop" }),
    ]
  }

  whole(): object {
    return this.#message([{ type: "text", text: this.#text, citations: null }])
  }

  #message(content: object[]): object {
    const { id, model } = this.#identity
    return {
      id,
      type: "message",
      role: "assistant",
      model,
      content,
      stop_reason: this.#reason,
      stop_sequence: this.#stop,
      usage: this.#usage(),
    }
  }

  #usage(): object {
    const { promptTokens, cachedTokens, tokens, warning } = this.totals
    return {
      input_tokens: promptTokens - cachedTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: cachedTokens,
      output_tokens: tokens,
      ...(warning !== undefined && { diffusion: { warning } }),
    }
  }
}

/** How many tokens a request has, known from before or not. */
class CountWriter implements AnswerWriter {
  #tokens = 0

  take(event: AnswerEvent): SentEvent[] {
    if (event.type === "started") this.#tokens = event.promptTokens
    return []
  }
  end(): SentEvent[] {
    return []
  }
  whole(): object {
    return { input_tokens: this.#tokens }
  }
}

export const countWriter = (): AnswerWriter => new CountWriter()
export const messageWriter = (identity: AnswerIdentity): AnswerWriter => new MessageWriter(identity)
