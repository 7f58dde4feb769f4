/** The routes of a server, and what every request goes through. */

import { randomUUID } from "node:crypto"
import { Hono } from "hono"
import { ApiError, internalError } from "../api-error.js"
import { countWriter, messageWriter, PING } from "../protocol/anthropic-answer.js"
import { readCount, readMessages } from "../protocol/anthropic-request.js"
import type { Asked } from "../protocol/asked.js"
import { errorBody } from "../protocol/errors.js"
import { chatWriter, completionWriter } from "../protocol/openai-answer.js"
import { readChat } from "../protocol/openai-chat.js"
import { readCompletion } from "../protocol/openai-completions.js"
import type { AnswerIdentity } from "../protocol/writer.js"
import { answerRequest, type Endpoint, logLine, noteError } from "./answering.js"
import type { Asking, Environment, Server } from "./context.js"
import { Gone } from "./flights.js"
import { isAllowedOrigin, requireKey, requireKnownPlace } from "./guards.js"
import { health, modelList, oneModel } from "./models.js"
import { REPORT_HEADERS, readPage } from "./page.js"
import { listRuns, readRunMetrics, readRunReport } from "./runs.js"

const openAi = ({ request, usage }: Asked, identity: AnswerIdentity) => ({
  ...identity,
  n: request.n,
  usage,
  logs: request.logProbabilities !== undefined,
})

const ENDPOINTS: Record<string, Endpoint> = {
  "/v1/chat/completions": {
    protocol: "openai",
    prefix: "chatcmpl-",
    read: readChat,
    writer: (asked, identity) => chatWriter(openAi(asked, identity)),
  },
  "/v1/completions": {
    protocol: "openai",
    prefix: "cmpl-",
    read: readCompletion,
    writer: (asked, identity) => completionWriter(openAi(asked, identity)),
  },
  "/v1/messages": {
    protocol: "anthropic",
    prefix: "msg_",
    read: readMessages,
    writer: (_, identity) => messageWriter(identity),
    ping: PING,
  },
  "/v1/messages/count_tokens": { protocol: "anthropic", prefix: "msg_", read: readCount, writer: countWriter },
}

export function createApp(server: Server): Hono<Environment> {
  const app = new Hono<Environment>()
  const page = readPage(server.page)

  app.use(async (c, next) => {
    begin(c)
    await next()
    finish(c, server)
  })
  app.use(async (c, next) => {
    requireKnownPlace(c.req.header("host"), c.req.header("origin"), server.guards)
    const cors = corsHeaders(c, server)
    c.set("headers", { ...cors, ...c.get("headers") })
    for (const [name, value] of Object.entries(cors)) c.header(name, value)
    if (c.req.method === "OPTIONS") return c.body(null, 204)
    if (!isOpen(c, page)) requireKey(c.req.raw.headers, server.guards)
    await next()
  })

  app.get("/health", (c) => {
    const { status, body } = health(server)
    return c.json(body, status)
  })
  app.get("/v1/models", (c) => c.json(modelList(server.engine.models())))
  app.get("/v1/models/:id{.+}", (c) => c.json(oneModel(server.engine.models(), c.req.param("id"))))
  for (const [path, endpoint] of Object.entries(ENDPOINTS))
    app.post(path, (c) => {
      if (server.isEnding) throw new ApiError(503, "the server is ending", { code: "server_ending", retryAfter: 5 })
      return answerRequest(c, endpoint, server)
    })
  app.get("/metrics", async (c) =>
    c.text(await server.metrics.registry.metrics(), 200, { "content-type": server.metrics.registry.contentType }),
  )
  app.get("/runs", async (c) => c.json(await listRuns(server.runs)))
  app.get("/runs/:name{.+}/metrics", async (c) => {
    const bytes = await readRunMetrics(server.runs, c.req.param("name"), byteOf(c.req.query("from")))
    return c.body(new Uint8Array(bytes), 200, {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
    })
  })
  app.get("/runs/:name{.+}/report.html", async (c) =>
    c.body(new Uint8Array(await readRunReport(server.runs, c.req.param("name"))), 200, REPORT_HEADERS),
  )
  app.get("*", (c) => {
    const file = page.get(c.req.path)
    if (file) return c.body(file.body, 200, file.headers)
    throw new ApiError(
      404,
      c.req.path === "/" ? "the page has not been built: npm run setup builds it" : "there is nothing here",
      { code: "not_found" },
    )
  })
  app.notFound((c) => fail(c, server, new ApiError(404, "there is nothing here", { code: "not_found" })))
  app.onError((error, c) => fail(c as Asking, server, error))
  return app
}

function begin(c: Asking): void {
  const id = `req_${randomUUID().replaceAll("-", "")}`
  const protocol = c.req.path.startsWith("/v1/messages") ? "anthropic" : "openai"
  c.set("started", performance.now())
  c.set("record", { id, status: 200, milliseconds: 0 })
  c.set("protocol", protocol)
  c.set("isStreaming", false)
  c.set("headers", { "x-request-id": id, ...(protocol === "anthropic" && { "request-id": id }) })
  for (const [name, value] of Object.entries(c.get("headers"))) c.header(name, value)
}

/** Streams tell of themselves when they end. */
function finish(c: Asking, server: Server): void {
  if (c.get("isStreaming")) return
  const record = c.get("record")
  record.milliseconds = performance.now() - c.get("started")
  if (record.status === 200) record.status = c.res.status
  if (ENDPOINTS[c.req.path] || record.status >= 400) server.log(logLine(c))
  server.metrics.record(routeOf(c.req.path), record)
}

/** No more names than there are routes. */
function routeOf(path: string): string {
  if (ENDPOINTS[path] || ["/health", "/metrics", "/v1/models", "/runs"].includes(path)) return path
  return path.startsWith("/runs/") ? "/runs/" : "other"
}

function fail(c: Asking, server: Server, error: unknown): Response {
  const record = c.get("record")
  if (error instanceof Gone) {
    Object.assign(record, { status: 499, reason: error.message })
    return c.body(null, 400)
  }
  const told = error instanceof ApiError ? error : internalError(error)
  noteError(record, told, server)
  if (told.retryAfter !== undefined) c.header("retry-after", String(told.retryAfter))
  if (server.isEnding || [408, 413].includes(told.status)) c.header("connection", "close")
  return c.json(errorBody(c.get("protocol"), told, record.id), told.status)
}

/** Whether a machine has died, and the page that asks for a key, are to be seen without one. */
function isOpen(c: Asking, page: ReadonlyMap<string, unknown>): boolean {
  return c.req.path === "/health" || (c.req.method === "GET" && page.has(c.req.path))
}

function corsHeaders(c: Asking, { guards }: Server): Record<string, string> {
  const origin = c.req.header("origin")
  if (origin === undefined || !isAllowedOrigin(origin, c.req.header("host"), guards.origins)) return {}
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "x-request-id, retry-after",
    vary: "origin",
    ...(c.req.method === "OPTIONS" && {
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": c.req.header("access-control-request-headers") ?? "*",
      "access-control-max-age": "600",
    }),
  }
}

function byteOf(text: string | undefined): number {
  const from = Number(text ?? 0)
  if (!Number.isSafeInteger(from) || from < 0)
    throw new ApiError(400, "from must be a number of bytes", { param: "from" })
  return from
}
