/** The process that computes, seen from the server: started, watched, and started again when it ends or no longer answers. */

import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { ApiError, internalError } from "../api-error.js"
import { Channel } from "../channel.js"
import type { AnswerEvent, AnswerRequest } from "../request.js"
import type { Engine, EngineState, ModelState } from "./engine.js"
import type { EngineCounts, EngineOptions, FromEngine, ToEngine, ToldError } from "./messages.js"

/** Compiled: the same from src/ and from dist/. */
const MAIN = fileURLToPath(new URL("../../../dist/serve/engine/main.js", import.meta.url))

export interface EngineProcessOptions {
  /** The engine is taken for stuck when it has said nothing for so long, in milliseconds. @default 120 000 */
  stuckMs?: number
  /** Waits before it is started again, doubled each time up to 30 s. @default 500 */
  backoffMs?: number
  /** What happens with it, for the log. */
  onEvent?(event: EngineEvent): void
}

export type EngineEvent =
  | { type: "started"; pid: number }
  | { type: "ready"; model: string }
  | { type: "unavailable"; model: string; reason: string }
  | { type: "ended"; reason: string; failed: number; againMs?: number }

const LONGEST_BACKOFF_MS = 30_000
/** Having run for so long, an engine that ends is no one that cannot start. */
const HEALTHY_MS = 60_000
/** Weights are read, and types of numbers measured, while nothing can be said. */
const LOADING_FACTOR = 10

interface InFlight {
  channel: Channel<AnswerEvent>
  /** Called when the engine has let go of it. */
  released(): void
}

export class EngineProcess implements Engine {
  restarts = 0
  state: EngineState = "loading"
  readonly #options: EngineOptions
  readonly #stuckMs: number
  readonly #backoffMs: number
  readonly #onEvent: (event: EngineEvent) => void
  /** Once all models are loaded, or cannot be, for the first time. */
  readonly settled: Promise<void>
  #wasSettled = (): void => {}
  readonly #inFlight = new Map<number, InFlight>()
  readonly #models = new Map<string, ModelState>()
  readonly #watch: NodeJS.Timeout
  #child: ChildProcess | undefined
  #counts: EngineCounts | undefined
  #lastId = 0
  #lastWord = 0
  #startedAt = 0
  #failures = 0
  #restart: NodeJS.Timeout | undefined
  #ended: (() => void) | undefined

  constructor(
    options: EngineOptions,
    { stuckMs = 120_000, backoffMs = 500, onEvent = () => {} }: EngineProcessOptions = {},
  ) {
    this.#options = options
    this.#stuckMs = stuckMs
    this.#backoffMs = backoffMs
    this.#onEvent = onEvent
    this.settled = new Promise((resolve) => {
      this.#wasSettled = resolve
    })
    this.#start()
    this.#watch = setInterval(() => this.#look(), Math.min(1000, stuckMs / 4)).unref()
  }

  /** Of the process that computes, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  models(): ModelState[] {
    return [...this.#models.values()]
  }

  counts(): EngineCounts | undefined {
    return this.#counts
  }

  async *answer(request: AnswerRequest, signal?: AbortSignal): AsyncGenerator<AnswerEvent, void, undefined> {
    if (!this.#child?.connected || this.state === "stopped")
      throw new ApiError(503, "the engine is being started", { code: "engine_restarting", retryAfter: 2 })
    const id = ++this.#lastId
    const channel = new Channel<AnswerEvent>()
    const released = new Promise<void>((resolve) => this.#inFlight.set(id, { channel, released: resolve }))
    const cancel = (): void => {
      if (this.#inFlight.has(id)) this.#post({ type: "cancel", id })
    }
    this.#post({ type: "answer", id, request })
    signal?.addEventListener("abort", cancel, { once: true })
    if (signal?.aborted) cancel()
    try {
      yield* channel
    } finally {
      cancel()
      signal?.removeEventListener("abort", cancel)
      await released
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#watch)
    clearTimeout(this.#restart)
    this.state = "stopped"
    this.#wasSettled()
    const child = this.#child
    if (!child) return
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve
    })
    child.kill("SIGKILL")
    await ended
  }

  #start(): void {
    this.state = this.restarts > 0 ? "restarting" : "loading"
    for (const { id } of this.#options.models) this.#models.set(id, { id, progress: 0 })
    // The settings of this program's own start, such as a debugger's port, are not the engine's.
    const child = fork(MAIN, [], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    })
    this.#child = child
    this.#startedAt = this.#lastWord = Date.now()
    child.on("message", (messages: FromEngine[]) => {
      if (this.#child !== child) return
      this.#lastWord = Date.now()
      for (const message of messages) this.#receive(message)
    })
    child.on("error", (error) => this.#end(child, error.message))
    child.on("exit", (code, signal) =>
      this.#end(child, signal === null ? `it exited with ${code}` : `it was ended by ${signal}`),
    )
    if (child.pid !== undefined) this.#onEvent({ type: "started", pid: child.pid })
    this.#post({ type: "open", options: this.#options })
  }

  #post(message: ToEngine): void {
    // A channel that has just closed is told by the process's end.
    if (this.#child?.connected) this.#child.send(message, () => {})
  }

  #receive(message: FromEngine): void {
    switch (message.type) {
      case "beat":
        this.#counts = message.counts ?? this.#counts
        break
      case "download":
        if (message.event.type === "progress")
          this.#models.set(message.model, {
            id: message.model,
            progress: message.event.doneBytes / Math.max(1, message.event.totalBytes),
          })
        break
      case "ready":
        this.#models.set(message.model.id, { id: message.model.id, model: message.model })
        this.#onEvent({ type: "ready", model: message.model.id })
        this.#settle()
        break
      case "unavailable":
        this.#models.set(message.model, { id: message.model, error: message.error.message })
        this.#onEvent({
          type: "unavailable",
          model: message.model,
          reason: message.error.reason ?? message.error.message,
        })
        this.#settle()
        break
      case "event":
        this.#inFlight.get(message.id)?.channel.push(message.event)
        break
      case "end":
        this.#release(message.id, message.error && errorOf(message.error))
    }
  }

  /** All models are loaded, or cannot be. */
  #settle(): void {
    if (!this.models().every(({ model, error }) => model ?? error)) return
    this.state = "ready"
    this.#wasSettled()
  }

  #release(id: number, error?: unknown): void {
    const request = this.#inFlight.get(id)
    this.#inFlight.delete(id)
    request?.released()
    request?.channel.end(error)
  }

  /** An engine that says nothing any more is ended: its process may hang in a library. */
  #look(): void {
    const patience = this.state === "ready" ? this.#stuckMs : this.#stuckMs * LOADING_FACTOR
    if (this.#child && Date.now() - this.#lastWord > patience) this.#child.kill("SIGKILL")
  }

  #end(child: ChildProcess, reason: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.#counts = undefined
    const failed = this.#inFlight.size
    for (const id of [...this.#inFlight.keys()])
      this.#release(
        id,
        new ApiError(500, "the engine ended while it answered; ask again", { code: "engine_failed", cause: reason }),
      )
    if (this.state === "stopped") {
      this.#ended?.()
      return
    }
    this.state = "restarting"
    for (const { id } of this.#options.models) this.#models.set(id, { id, progress: 0 })
    this.#failures = Date.now() - this.#startedAt > HEALTHY_MS ? 0 : this.#failures + 1
    const againMs = Math.min(LONGEST_BACKOFF_MS, this.#backoffMs * 2 ** Math.max(0, this.#failures - 1))
    this.#onEvent({ type: "ended", reason, failed, againMs })
    this.#restart = setTimeout(() => {
      this.restarts++
      this.#start()
    }, againMs)
  }
}

function errorOf({ status, message, code, param, reason }: ToldError): ApiError {
  if (status === 500) return internalError(reason)
  return new ApiError(status as ApiError["status"], message, { code, param, cause: reason })
}
