/** One HTTP exchange: direct, through a proxy or through a tunnel, with a clock that runs while nothing comes. */
import http from "node:http"
import https from "node:https"
import { isIP } from "node:net"
import { pipeline, type Transform } from "node:stream"
import tls from "node:tls"
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import { UserError } from "../errors.js"
import { explainConnection } from "./connection-error.js"

/** The connection failed or broke off: worth another try. The message is a sentence. */
export class ConnectionError extends Error {}

export interface Answer {
  url: URL
  status: number
  headers: http.IncomingHttpHeaders
  /** The bytes of the body. @throws ConnectionError when they stop coming. */
  body: AsyncIterable<Uint8Array>
  /** Leaves the body unread. */
  discard(): void
}

export interface ExchangeOptions {
  headers: Record<string, string>
  proxy?: URL
  signal?: AbortSignal
  /** Milliseconds without a byte after which the other side is given up. */
  stallMs: number
}

/**
 * Sends one GET; redirects are given back as they are.
 * @throws ConnectionError when there is no answer, UserError when a proxy refuses, the signal's reason when it fires
 */
export async function exchange(url: URL, options: ExchangeOptions): Promise<Answer> {
  const { proxy, signal, stallMs } = options
  const stalled = new AbortController()
  const timer = setTimeout(() => stalled.abort(), stallMs)
  const abort = signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal
  try {
    const response = await send(url, { ...options, signal: abort })
    clearTimeout(timer)
    return {
      url,
      status: response.statusCode as number,
      headers: response.headers,
      body: read(response, signal, stallMs),
      discard: () => response.destroy(),
    }
  } catch (error) {
    clearTimeout(timer)
    signal?.throwIfAborted()
    if (error instanceof UserError) throw error
    const told = error instanceof ConnectionError ? error.message : explainConnection(error)
    const reason = stalled.signal.aborted ? "no answer came" : told
    throw new ConnectionError(proxy ? `${reason} (through the proxy ${proxy.host})` : reason)
  }
}

async function send(url: URL, { headers, proxy, signal }: ExchangeOptions): Promise<http.IncomingMessage> {
  const shared = { headers, signal, maxHeaderSize: 1 << 16 }
  if (!proxy) return answerTo(clientOf(url).request(url, shared))
  if (url.protocol === "https:") {
    const socket = await tunnel(url, proxy, signal)
    return answerTo(https.request(url, { ...shared, createConnection: () => socket }))
  }
  // Without encryption a proxy is asked for the whole address.
  const response = await answerTo(
    clientOf(proxy).request({
      ...shared,
      ...placeOf(proxy),
      path: url.href,
      headers: { ...headers, host: url.host, ...loginTo(proxy) },
    }),
  )
  if (response.statusCode !== 407) return response
  response.destroy()
  throw proxyRefusal(407, url, proxy)
}

/** An encrypted connection to the server, through the proxy. */
async function tunnel(url: URL, proxy: URL, signal: AbortSignal | undefined): Promise<tls.TLSSocket> {
  const authority = `${url.hostname}:${url.port || 443}`
  const request = clientOf(proxy).request({
    ...placeOf(proxy),
    method: "CONNECT",
    path: authority,
    headers: { host: authority, ...loginTo(proxy) },
    signal,
    agent: false,
  })
  return new Promise((resolve, reject) => {
    request.on("error", reject)
    request.on("connect", ({ statusCode = 0 }, socket) => {
      if (statusCode >= 200 && statusCode < 300) {
        const host = url.hostname.replace(/^\[|\]$/g, "")
        resolve(tls.connect({ socket, host, ...(!isIP(host) && { servername: host }) }))
        return
      }
      socket.destroy()
      reject(
        statusCode >= 500 ? new ConnectionError(`it answered ${statusCode}`) : proxyRefusal(statusCode, url, proxy),
      )
    })
    request.end()
  })
}

function proxyRefusal(status: number, url: URL, proxy: URL): UserError {
  if (status === 407)
    return new UserError("the proxy asks for a name and a password, or rejects those it was given", {
      where: proxy.host,
      fix: "Write them into the variable: HTTPS_PROXY=http://name:password@host:port, special characters as %40.",
    })
  return new UserError(`the proxy refuses to connect to ${url.host} (${status})`, {
    where: proxy.host,
    fix: "Ask its administrator, or list the host in NO_PROXY if it can be reached directly.",
  })
}

function answerTo(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on("error", reject)
    request.on("response", (response) => {
      response.on("error", () => {}) // whoever reads the body meets it there
      resolve(response)
    })
    request.end()
  })
}

const clientOf = (url: URL) => (url.protocol === "https:" ? https : http)

function placeOf(proxy: URL): { host: string; port: number } {
  const port = proxy.port || (proxy.protocol === "https:" ? 443 : 80)
  return { host: proxy.hostname.replace(/^\[|\]$/g, ""), port: Number(port) }
}

function loginTo({ username, password }: URL): Record<string, string> {
  if (!username && !password) return {}
  const login = [username, password].map(decode).join(":")
  return { "proxy-authorization": `Basic ${Buffer.from(login).toString("base64")}` }
}

/** What was typed as it is, where it is no valid escape. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function* read(
  response: http.IncomingMessage,
  signal: AbortSignal | undefined,
  stallMs: number,
): AsyncGenerator<Uint8Array> {
  let stalled = false
  const watch = () =>
    setTimeout(() => {
      stalled = true
      response.destroy(new Error("stalled"))
    }, stallMs)
  let timer = watch()
  try {
    for await (const chunk of decompressed(response)) {
      clearTimeout(timer) // time that the reader takes is not the server's
      yield chunk as Uint8Array
      timer = watch()
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw new ConnectionError(stalled ? "no data came" : explainConnection(error))
  } finally {
    clearTimeout(timer)
    response.destroy()
  }
}

/** Compression is not asked for; some servers do it all the same. */
function decompressed(response: http.IncomingMessage): AsyncIterable<unknown> {
  const decoders: Record<string, () => Transform> = {
    gzip: createGunzip,
    "x-gzip": createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  }
  const decoder = decoders[response.headers["content-encoding"]?.trim().toLowerCase() ?? ""]
  return decoder ? pipeline(response, decoder(), () => {}) : response
}
