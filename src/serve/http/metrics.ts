/** Numbers for Prometheus. */

import type { Server } from "node:http"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { promisify } from "node:util"
import { Counter, Gauge, Histogram, Registry } from "prom-client"
import type { Engine } from "../engine/engine.js"
import type { Places } from "../places.js"
import type { Bodies } from "./bodies.js"
import type { RequestRecord } from "./record.js"

const SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]

export class Metrics {
  readonly registry = new Registry()
  readonly #requests: Counter
  readonly #tokens: Counter
  readonly #queue: Histogram
  readonly #first: Histogram
  readonly #seconds: Histogram
  readonly #speed: Histogram
  readonly #forwards: Histogram
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })

  constructor(engine: Engine, places: Places, bodies: Bodies) {
    const registers = [this.registry]
    this.#requests = new Counter({
      name: "diffusionvl_requests_total",
      help: "Requests by route and status",
      labelNames: ["route", "status"],
      registers,
    })
    this.#tokens = new Counter({
      name: "diffusionvl_tokens_total",
      help: "Tokens of prompts, of prompts that were not computed again, and of answers",
      labelNames: ["kind"],
      registers,
    })
    const histogram = (name: string, help: string, buckets: number[]): Histogram =>
      new Histogram({ name: `diffusionvl_${name}`, help, buckets, registers })
    this.#queue = histogram("queue_seconds", "Time that a request waited for its place", SECONDS)
    this.#first = histogram("time_to_first_block_seconds", "Time from a request to its first final text", SECONDS)
    this.#seconds = histogram("request_seconds", "Time from a request to the end of its answer", SECONDS)
    this.#speed = histogram(
      "tokens_per_second",
      "Tokens of an answer in a second of decoding",
      [1, 3, 10, 30, 100, 300, 1000, 3000],
    )
    this.#forwards = histogram(
      "forwards_per_token",
      "Forwards of the model (NFE) per token of an answer",
      [0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2],
    )
    const gauge = (name: string, help: string, read: () => number | undefined): Gauge =>
      new Gauge({
        name: `diffusionvl_${name}`,
        help,
        registers,
        collect() {
          this.set(read() ?? 0)
        },
      })
    gauge("running", "Answers under way", () => places.running)
    gauge("waiting", "Requests that wait for a place", () => places.waiting)
    gauge("bodies", "Requests that are still being sent", () => bodies.count)
    gauge("body_bytes", "Bytes of these, and of requests that wait or are answered", () => bodies.bytes)
    gauge("cache_bytes", "Memory promised to answers under way", () => engine.counts()?.cacheBytes)
    gauge(
      "cache_bytes_most",
      "The most that was promised since the engine started",
      () => engine.counts()?.mostCacheBytes,
    )
    gauge("engine_requests", "Requests that the process that computes works on", () => engine.counts()?.requests)
    gauge("engine_sequences", "Sequences that it decodes for them", () => engine.counts()?.sequences)
    gauge("engine_sequence_bytes", "Memory that these sequences hold", () => engine.counts()?.sequenceBytes)
    gauge("engine_resident_bytes", "Resident memory of the process that computes", () => engine.counts()?.residentBytes)
    gauge("engine_tensors", "Live tensors of the process that computes", () => engine.counts()?.tensors)
    gauge("engine_tensor_bytes", "Memory of live tensors", () => engine.counts()?.tensorBytes)
    gauge("engine_restarts", "Times that the engine was started again", () => engine.restarts)
    gauge("event_loop_delay_seconds", "Longest delay of the server's event loop since it was last asked", () =>
      this.#longestDelay(),
    )
    const reuse = new Gauge({
      name: "diffusionvl_reuse",
      help: "What is kept of earlier requests and was found again, of all models together",
      labelNames: ["count"],
      registers,
      collect() {
        for (const [count, value] of Object.entries(engine.counts()?.reuse ?? {})) reuse.set({ count }, value)
      },
    })
    this.#delay.enable()
  }

  /** Counts the connections of a server, too. */
  watch(http: Server): void {
    const connections = new Gauge({
      name: "diffusionvl_connections",
      help: "Open connections, idle ones and the one that asks included",
      registers: [this.registry],
      async collect() {
        connections.set(await promisify(http.getConnections.bind(http))())
      },
    })
  }

  record(
    route: string,
    {
      status,
      milliseconds,
      queueMs,
      firstTextMs,
      promptTokens,
      cachedTokens,
      tokens,
      forwards,
      decodeMs,
    }: RequestRecord,
  ): void {
    this.#requests.inc({ route, status: String(status) })
    if (queueMs !== undefined) this.#queue.observe(queueMs / 1000)
    if (firstTextMs !== undefined) this.#first.observe(firstTextMs / 1000)
    if (promptTokens !== undefined) this.#tokens.inc({ kind: "prompt" }, promptTokens)
    if (cachedTokens !== undefined) this.#tokens.inc({ kind: "cached" }, cachedTokens)
    if (tokens === undefined || forwards === undefined) return
    this.#seconds.observe(milliseconds / 1000)
    this.#tokens.inc({ kind: "answer" }, tokens)
    if (tokens === 0) return
    this.#forwards.observe(forwards / tokens)
    if (decodeMs) this.#speed.observe((1000 * tokens) / decodeMs)
  }

  close(): void {
    this.#delay.disable()
  }

  #longestDelay(): number {
    const longest = this.#delay.max / 1e9
    this.#delay.reset()
    return longest
  }
}
