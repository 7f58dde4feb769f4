/** The side that computes: opens models one after the other and answers what it is sent. Knows no process and no HTTP. */

import { messageOf, UserError } from "../../errors.js"
import { openModel, type Session, type SessionOptions } from "../../generate/session.js"
import { inTurns } from "../../in-turns.js"
import { prepareFormats } from "../../paradigms/constraint-of.js"
import { memory } from "../../torch/index.js"
import { ApiError } from "../api-error.js"
import { answer } from "./answer.js"
import { MemoryBudget } from "./memory.js"
import type { EngineCounts, EngineOptions, FromEngine, ToEngine, ToldError } from "./messages.js"
import { servedFingerprint, servedModel } from "./served-model.js"

export class EngineHost {
  readonly #send: (message: FromEngine) => void
  readonly #sessions = new Map<string, Session>()
  readonly #running = new Map<number, AbortController>()
  #options: EngineOptions | undefined
  #memory: MemoryBudget | undefined

  constructor(send: (message: FromEngine) => void) {
    this.#send = send
  }

  receive(message: ToEngine): void {
    if (message.type === "open") void this.#open(message.options)
    else if (message.type === "cancel") this.#running.get(message.id)?.abort(new Error("cancelled"))
    else void this.#answer(message)
  }

  counts(): EngineCounts {
    const { tensors, bytes } = memory()
    const running = [...this.#sessions.values()].map(({ executor }) => executor.statistics().running)
    return {
      residentBytes: process.memoryUsage.rss(),
      cacheBytes: this.#memory?.used ?? 0,
      mostCacheBytes: this.#memory?.most ?? 0,
      requests: this.#running.size,
      sequences: running.reduce((sum, { sequences }) => sum + sequences, 0),
      sequenceBytes: running.reduce((sum, { bytes }) => sum + bytes, 0),
      tensors,
      tensorBytes: bytes,
      reuse: reuseCounts([...this.#sessions.values()]),
    }
  }

  async #open(options: EngineOptions): Promise<void> {
    this.#options = options
    this.#memory = new MemoryBudget(options.cacheBytes)
    for (const { id, source, base } of options.models) {
      try {
        const session = await openModel(source, {
          ...({ dtype: options.dtype, device: options.device } as SessionOptions),
          base,
          ...(options.prefixBytes !== undefined && { prefixCache: { bytes: options.prefixBytes } }),
          onEvent: (event) => this.#send({ type: "download", model: id, event }),
        })
        this.#sessions.set(id, session)
        const fingerprint = await servedFingerprint(session)
        this.#send({ type: "ready", model: { ...servedModel(id, session), fingerprint } })
        // The first request with a format need not wait for it, nor any other while it is made.
        // What goes wrong with it is told to whoever asks for a format.
        void inTurns(prepareFormats(session.tokenizer)).catch(() => {})
      } catch (error) {
        this.#send({ type: "unavailable", model: id, error: told(error) })
      }
    }
  }

  async #answer({ id, request }: Extract<ToEngine, { type: "answer" }>): Promise<void> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    try {
      const session = this.#sessions.get(request.model)
      const { pixels, promptTokens, answerTokens } = this.#options ?? {}
      if (!session || !pixels || !promptTokens || !answerTokens)
        throw new ApiError(503, `the model ${request.model} is not ready yet`, {
          code: "model_not_ready",
          retryAfter: 2,
        })
      const limits = { pixels, promptTokens, answerTokens, memory: this.#memory }
      for await (const event of answer(session, request, limits, controller.signal))
        this.#send({ type: "event", id, event })
      this.#send({ type: "end", id })
    } catch (error) {
      this.#send({ type: "end", id, ...(!controller.signal.aborted && { error: told(error) }) })
    } finally {
      this.#running.delete(id)
      // What is told of an engine that has nothing to do is how it is now.
      if (this.#running.size === 0) this.#send({ type: "beat", counts: this.counts() })
    }
  }
}

function reuseCounts(sessions: readonly Session[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { executor } of sessions) {
    const { prefixes, pictures } = executor.statistics()
    for (const [kind, numbers] of Object.entries({ prefixes, pictures }))
      for (const [name, value] of Object.entries(numbers))
        counts[`${kind}.${name}`] = (counts[`${kind}.${name}`] ?? 0) + value
  }
  return counts
}

/** Only an ApiError is for whoever asked. */
function told(error: unknown): ToldError {
  if (error instanceof ApiError) {
    const { status, message, code, param } = error
    return { status, message, code, param, ...(error.cause !== undefined && { reason: messageOf(error.cause) }) }
  }
  const reason =
    error instanceof UserError
      ? error.format()
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error)
  return { status: 500, message: "the server failed to answer; its log says why", code: "internal_error", reason }
}
