/** A request for an answer, from its body to its last byte: the same for every protocol. */

import { randomUUID } from "node:crypto"
import type { ServerResponse } from "node:http"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import { ApiError, internalError, invalid } from "../api-error.js"
import { findPictures } from "../pictures/find.js"
import type { Ticket } from "../places.js"
import type { Asked } from "../protocol/asked.js"
import { errorBody, type Protocol } from "../protocol/errors.js"
import type { AnswerIdentity, AnswerWriter, SentEvent } from "../protocol/writer.js"
import type { AnswerEvent, AnswerRequest, ServedModel } from "../request.js"
import { readBody } from "./body.js"
import type { Asking, Server } from "./context.js"
import { EventStream } from "./event-stream.js"
import { type Flight, Gone } from "./flights.js"
import { cacheSaltOf } from "./guards.js"
import type { RequestRecord } from "./record.js"

/** An endpoint that answers. */
export interface Endpoint {
  protocol: Protocol
  /** Ids of its answers begin so. */
  prefix: string
  read(body: unknown): Asked
  writer(asked: Asked, identity: AnswerIdentity): AnswerWriter
  /** What is sent while nothing else is; a comment if not given. */
  ping?: SentEvent
}

/** A connection over which nothing comes for longer is taken for dead by proxies. */
const PING_MS = 15_000

/** @throws ApiError before anything was sent */
export async function answerRequest(c: Asking, endpoint: Endpoint, server: Server): Promise<Response> {
  const record = c.get("record")
  // Too many are told before they are read; a place is taken with the request at hand, so that slow senders hold none.
  server.places.requireRoom()
  const flight = server.flights.begin(server.limits.requestMs)
  let ticket: Ticket | undefined
  let release: (() => void) | undefined
  const leave = (): void => {
    ticket?.leave()
    release?.()
    server.flights.done(flight)
  }
  const { outgoing } = c.env
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) flight.end(new Gone("the client left"))
  })
  let begun = false
  try {
    const { value, size, find } = await readBody(c.req.raw, server.bodies, flight.signal)
    release = server.bodies.hold(size)
    const asked = endpoint.read(value)
    const { request } = asked
    requireModel(server, request.model, asked)
    note(record, asked, server)
    ticket = server.places.enter()
    const pictures = await findPictures(request.pictures, server.pictures, find, flight.signal)
    const waiting = performance.now()
    await ticket.start(request.n, flight.signal)
    record.queueMs = performance.now() - waiting
    const answer = new Answer(c, endpoint, asked, flight, server)
    const cacheSalt = server.separateCaches ? cacheSaltOf(c.req.raw.headers, asked.askedFor) : undefined
    const decoding = { ...request.decoding, ...(cacheSalt !== undefined && { cacheSalt }) }
    const events = server.engine.answer({ ...request, decoding, pictures } satisfies AnswerRequest, flight.signal)
    if (!asked.stream) return c.json(await answer.whole(events))
    // An answer that cannot begin is an error with a status of its own.
    const first = await events.next()
    begun = true
    c.set("isStreaming", true)
    void answer.stream(first, events).finally(leave)
    return RESPONSE_ALREADY_SENT
  } catch (error) {
    throw flight.signal.aborted ? flight.signal.reason : error
  } finally {
    if (!begun) leave()
  }
}

/** @throws ApiError for a model that is not there, or not yet */
function requireModel(server: Server, id: string, { request }: Asked): ServedModel {
  const states = server.engine.models()
  const state = states.find((model) => model.id === id)
  if (!state)
    throw new ApiError(
      404,
      `there is no model ${JSON.stringify(id.slice(0, 200))} here; there is ${states.map((model) => model.id).join(", ")}`,
      {
        code: "model_not_found",
        param: "model",
      },
    )
  if (state.error !== undefined)
    throw new ApiError(503, `the model ${id} could not be loaded; the server's log says why`, {
      code: "model_not_available",
      retryAfter: 60,
    })
  const { model } = state
  if (!model || server.engine.state === "restarting")
    throw new ApiError(503, `the model ${id} is being loaded`, { code: "model_not_ready", retryAfter: 2 })
  const { mode } = request.decoding
  if (mode !== undefined && !model.modes.includes(mode))
    throw invalid(`the model ${id} can be decoded as ${model.modes.join(", ")}`, "diffusion.mode")
  if (request.pictures.length > 0 && !model.images)
    throw invalid(`the model ${id} reads text only: it cannot see pictures`, "messages", "unsupported_image")
  return model
}

function note(record: RequestRecord, { request, stream }: Asked, { logPrompts }: Server): void {
  Object.assign(record, { model: request.model, stream, ...(logPrompts && { prompt: request.prompt }) })
}

/** One answer on its way out. */
class Answer {
  readonly #c: Asking
  readonly #endpoint: Endpoint
  readonly #flight: Flight
  readonly #server: Server
  readonly #writer: AnswerWriter
  #finished = 0
  readonly #n: number

  constructor(c: Asking, endpoint: Endpoint, asked: Asked, flight: Flight, server: Server) {
    this.#server = server
    this.#c = c
    this.#endpoint = endpoint
    this.#flight = flight
    this.#n = asked.request.n
    this.#writer = endpoint.writer(asked, {
      id: endpoint.prefix + randomUUID().replaceAll("-", ""),
      created: Math.floor(Date.now() / 1000),
      model: asked.request.model,
    })
  }

  async whole(events: AsyncIterable<AnswerEvent>): Promise<object> {
    for await (const event of events) {
      this.#take(event)
    }
    this.#requireWhole()
    return this.#writer.whole()
  }

  /** Never rejects. */
  async stream(
    first: IteratorResult<AnswerEvent, void>,
    rest: AsyncGenerator<AnswerEvent, void, undefined>,
  ): Promise<void> {
    const server = this.#server
    const { unreadBytes, unreadMs } = server.limits
    const stream = new EventStream(this.#c.env.outgoing as ServerResponse, {
      headers: this.#c.get("headers"),
      unreadBytes,
      unreadMs,
      onGone: (reason) => this.#flight.end(new Gone(reason)),
    })
    const { ping } = this.#endpoint
    const pings = setInterval(() => (ping ? stream.send(ping) : stream.comment("still here")), PING_MS)
    try {
      const send = (event: AnswerEvent): void => {
        const sent = this.#take(event)
        // Whoever reads slowly misses drafts, and nothing else.
        if (event.type === "draft" && stream.isSlow) return
        for (const one of sent) stream.send(one)
      }
      if (!first.done) send(first.value)
      for await (const event of rest) send(event)
      this.#requireWhole()
      for (const one of this.#writer.end()) stream.send(one)
    } catch (error) {
      this.#tell(error, stream)
    } finally {
      clearInterval(pings)
      stream.end()
      this.#c.get("record").milliseconds = performance.now() - this.#c.get("started")
      server.log(logLine(this.#c))
      server.metrics.record(this.#c.req.path, this.#c.get("record"))
    }
  }

  #tell(error: unknown, stream: EventStream): void {
    const record = this.#c.get("record")
    if (error instanceof Gone) {
      Object.assign(record, { status: 499, reason: error.message })
      return
    }
    const told = error instanceof ApiError ? error : internalError(error)
    noteError(record, told, this.#server)
    const body = errorBody(this.#endpoint.protocol, told, record.id)
    stream.send(this.#endpoint.protocol === "anthropic" ? { event: "error", data: body } : { data: body })
  }

  #take(event: AnswerEvent): SentEvent[] {
    const record = this.#c.get("record")
    if (event.type === "started") record.promptTokens = event.promptTokens
    if (event.type === "text") record.firstTextMs ??= performance.now() - this.#c.get("started")
    if (event.type === "finished") {
      const { tokens, forwards, milliseconds, cachedTokens } = event.statistics
      this.#finished++
      record.tokens = (record.tokens ?? 0) + tokens
      record.forwards = (record.forwards ?? 0) + forwards
      record.decodeMs = Math.max(record.decodeMs ?? 0, milliseconds)
      record.cachedTokens = Math.max(record.cachedTokens ?? 0, cachedTokens)
      record.finish = [...(record.finish ?? []), event.reason]
    }
    return this.#writer.take(event)
  }

  /** The engine ends early where it was told to. */
  #requireWhole(): void {
    if (this.#finished === this.#n) return
    throw this.#flight.signal.aborted ? this.#flight.signal.reason : new Error("the engine ended before the answer did")
  }
}

/** An error for the log: what was wrong with a request may quote what was said in it, so of that only the kind is told. */
export function noteError(record: RequestRecord, told: ApiError, { logPrompts }: Pick<Server, "logPrompts">): void {
  const { status, code, param, cause, message } = told
  const isTheirs = status < 500 && !logPrompts
  Object.assign(record, { status, error: isTheirs ? (code ?? "invalid_request") : message, ...(isTheirs && { param }) })
  if (cause !== undefined) record.reason = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}

export const logLine = (c: Asking) => ({
  event: "request",
  method: c.req.method,
  path: c.req.path.slice(0, 200),
  ...c.get("record"),
})
