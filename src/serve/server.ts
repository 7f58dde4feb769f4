/** A server: an engine in a process of its own, and HTTP in this one. */

import { createServer, type Server as HttpServer } from "node:http"
import type { AddressInfo } from "node:net"
import { basename, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { getRequestListener } from "@hono/node-server"
import { UserError } from "../errors.js"
import { ApiError, invalid } from "./api-error.js"
import type { ModelToServe } from "./engine/messages.js"
import { type EngineEvent, EngineProcess } from "./engine/process.js"
import { createApp } from "./http/app.js"
import { Bodies } from "./http/bodies.js"
import type { Server } from "./http/context.js"
import { Flights } from "./http/flights.js"
import { isLoopback, LOOPBACK_NAMES } from "./http/guards.js"
import { Metrics } from "./http/metrics.js"
import { PAGE } from "./http/page.js"
import { Places } from "./places.js"
import { errorBody } from "./protocol/errors.js"
import type { RunningServer } from "./running-server.js"
import {
  DEFAULT_GRACE_MS,
  DEFAULT_HOST,
  DEFAULT_LIMITS,
  DEFAULT_MODELS,
  DEFAULT_PORT,
  type LogEntry,
  type ServeLimits,
  type ServeOptions,
} from "./settings.js"

/** How long a client may take to send headers, in milliseconds. */
const HEADERS_MS = 20_000
/** How long a connection may wait for another request: longer than proxies keep theirs, so that none is closed while a request is on its way. */
const IDLE_MS = 75_000

/** `serve` of ./serve.js, which loads this when it is called. */
export async function startServer(options: ServeOptions = {}): Promise<RunningServer> {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, log = () => {}, graceMs = DEFAULT_GRACE_MS } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  requireAuth(host, options)
  const models = modelsToServe(options.models ?? DEFAULT_MODELS)
  const engine = new EngineProcess(engineOptions(models, options, limits), {
    stuckMs: limits.stuckMs,
    onEvent: (event) => log(engineLine(event)),
  })
  const places = new Places({ running: limits.concurrent, waiting: limits.queue })
  const bodies = new Bodies({ bytes: limits.bodyBytes, milliseconds: limits.bodyMs })
  const server: Server = {
    engine,
    places,
    bodies,
    flights: new Flights(),
    metrics: new Metrics(engine, places, bodies),
    limits,
    pictures: {
      count: limits.pictures,
      bytes: limits.bodyBytes,
      remote: options.allowRemoteImages ?? false,
      ...(options.imageRoot !== undefined && { root: options.imageRoot }),
    },
    guards: {
      apiKeys: options.apiKeys ?? [],
      hosts: hostsOf(host, options.allowedHosts),
      origins: options.corsOrigins ?? [],
    },
    log,
    logPrompts: options.logPrompts ?? false,
    separateCaches: options.separateCaches ?? false,
    runs: resolve(options.runs ?? "runs"),
    page: options.page ?? PAGE,
    isEnding: false,
  }
  const { fetch } = createApp(server)
  // Response objects of this program stay Node's own.
  const listener = getRequestListener(fetch, { hostname: host, overrideGlobalObjects: false, errorHandler: refuse })
  const http = createServer(listener)
  server.metrics.watch(http)
  // What a client expects beside an answer is passed over.
  http.on("checkExpectation", listener)
  Object.assign(http, {
    requestTimeout: HEADERS_MS + limits.bodyMs,
    headersTimeout: HEADERS_MS,
    keepAliveTimeout: IDLE_MS,
  })
  try {
    await listen(http, host, port)
  } catch (error) {
    server.metrics.close()
    await engine.close()
    throw error
  }
  let ending: Promise<void> | undefined
  return {
    url: urlOf(http.address() as AddressInfo),
    ready: engine.settled,
    get enginePid() {
      return engine.pid
    },
    get counts() {
      return { running: places.running, waiting: places.waiting, requests: server.flights.count }
    },
    close: () => {
      ending ??= end(server, http, graceMs)
      return ending
    },
  }
}

/** What was told to end has so long to let go, in milliseconds: an engine that hangs is not waited for. */
const LAST_MS = 10_000

/** What is no request at all, such as one whose host is no name. */
const refuse = (): Response =>
  Response.json(errorBody("openai", invalid("the request cannot be read: its address or host is none"), ""), {
    status: 400,
  })

async function end(server: Server, http: HttpServer, graceMs: number): Promise<void> {
  server.isEnding = true
  const closed = new Promise<void>((resolve) => http.close(() => resolve()))
  http.closeIdleConnections()
  const late = setTimeout(
    () => server.flights.endAll(new ApiError(503, "the server is ending", { code: "server_ending" })),
    graceMs,
  )
  const given = new AbortController()
  await Promise.race([
    server.flights.idle(),
    sleep(graceMs + LAST_MS, undefined, { signal: given.signal }).catch(() => {}),
  ])
  given.abort()
  clearTimeout(late)
  http.closeIdleConnections()
  // What was sent last is on its way; a client that keeps its connection open has had its answer.
  const cut = setTimeout(() => http.closeAllConnections(), 1000)
  await closed
  clearTimeout(cut)
  server.metrics.close()
  await server.engine.close()
}

/** @throws UserError where others than this machine could ask without a key */
function requireAuth(host: string, { apiKeys = [], noAuth = false }: ServeOptions): void {
  if (apiKeys.some((key) => key.trim() === "")) throw new UserError("an API key must not be empty")
  if (isLoopback(host) || apiKeys.length > 0 || noAuth) return
  throw new UserError(`other machines can reach ${host}, and nobody would need a key`, {
    fix: "give one (--api-key, or DIFFUSIONVL_API_KEY), say --no-auth, or listen on 127.0.0.1",
  })
}

/** @throws UserError for two models of one id */
function modelsToServe(given: readonly (string | ModelToServe)[]): ModelToServe[] {
  const models = given.map((model) => (typeof model === "string" ? named(model) : model))
  if (models.length === 0) throw new UserError("there is no model to serve")
  const twice = models.find(({ id }, i) => models.findIndex((other) => other.id === id) < i)
  if (twice)
    throw new UserError(`two models would be called ${twice.id}`, {
      fix: `name them: ${twice.id}-a=FOLDER ${twice.id}-b=FOLDER`,
    })
  return models
}

/** "name=folder", or what a model is called anyway: a path of this machine is nobody's business. */
function named(text: string): ModelToServe {
  const [, name, source] = /^([\w.:-]+)=(.+)$/s.exec(text) ?? []
  if (source !== undefined) return { id: name, source }
  const isPath = /^[./~]|^[A-Za-z]:[\\/]|[\\/].*[\\/]/.test(text) || text.endsWith(".gguf")
  return { id: isPath ? basename(resolve(text)) : text, source: text }
}

const engineOptions = (models: ModelToServe[], { dtype, device }: ServeOptions, limits: ServeLimits) => ({
  models,
  dtype,
  device,
  pixels: limits.pixels,
  promptTokens: limits.promptTokens,
  answerTokens: limits.answerTokens,
  cacheBytes: limits.cacheBytes,
  ...(limits.prefixBytes !== undefined && { prefixBytes: limits.prefixBytes }),
})

/** On a loopback address a page of another site could name this machine as it likes. */
function hostsOf(host: string, allowed: readonly string[] | undefined): string[] | undefined {
  if (isLoopback(host)) return [...LOOPBACK_NAMES, host, ...(allowed ?? [])].map((name) => name.toLowerCase())
  return allowed?.map((name) => name.toLowerCase())
}

function listen(http: HttpServer, host: string, port: number): Promise<void> {
  return new Promise((listening, failed) => {
    http.once("error", (error: NodeJS.ErrnoException) => {
      const why: Record<string, string> = {
        EADDRINUSE: "something else listens there already",
        EACCES: "no permission to listen there",
        EADDRNOTAVAIL: "this machine has no such address",
        ENOTFOUND: "there is no such address",
      }
      failed(
        new UserError(why[error.code ?? ""] ?? error.message, {
          where: `${host}:${port}`,
          fix: "choose another --port or --host",
          cause: error,
        }),
      )
    })
    http.listen(port, host, () => listening())
  })
}

const urlOf = ({ address, family, port }: AddressInfo): string =>
  `http://${family === "IPv6" ? `[${address}]` : address}:${port}`

const engineLine = ({ type, ...rest }: EngineEvent): LogEntry => ({ event: `engine_${type}`, ...rest })
