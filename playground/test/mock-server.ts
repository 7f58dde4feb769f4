/** A server that speaks the page's side of the contract, with answers that are made up. Serves the built page. */

import { createReadStream, existsSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import type { ChatRequest, RunEntry, ServedModel } from "../src/protocol/contract.js"
import { type Reply, writeAnswer } from "./mock-answer.js"

const PAGE = fileURLToPath(new URL("../../dist/playground/", import.meta.url))
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".png": "image/png",
}
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export interface MockServer {
  address: string
  models: ServedModel[]
  runs: RunEntry[]
  /** Of each run, its metrics.jsonl. */
  logs: Map<string, string>
  /** A key that requests must carry. */
  key?: string
  /** What the next questions are answered with. */
  reply: (request: ChatRequest) => Reply
  /** Chat requests in their order. */
  requests: ChatRequest[]
  /** How many streams the other side ended early. */
  cancelled: number
  /** From which bytes logs were asked for. */
  offsets: number[]
  close(): Promise<void>
}

const diffusion = () => ({
  paradigm: "block-diffusion",
  images: true,
  default: { block_size: 8, steps: 8, threshold: 0.9, remasking: "low_confidence_dynamic", mode: "block-diffusion" },
  modes: ["block-diffusion", "autoregressive"],
  ready: true,
})
const autoregressive = () => ({
  ...diffusion(),
  paradigm: "autoregressive",
  default: { mode: "autoregressive" },
  modes: ["autoregressive"],
})

export async function startMock(): Promise<MockServer> {
  const server = createServer((request, response) => {
    answer(mock, request, response).catch((error) => response.destroy(error))
  })
  const mock: MockServer = {
    address: "",
    models: [
      { id: "emoji-diffusion", diffusion: diffusion() },
      { id: "emoji-ar", diffusion: autoregressive() },
    ],
    runs: [],
    logs: new Map(),
    reply: () => ({ text: "A giant panda." }),
    requests: [],
    cancelled: 0,
    offsets: [],
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  mock.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return mock
}

async function answer(mock: MockServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url as string, mock.address)
  const path = decodeURIComponent(url.pathname)
  const isPage = path === "/" || path.startsWith("/assets/")
  if (isPage) return sendFile(path === "/" ? "index.html" : path, response)
  if (mock.key && request.headers.authorization !== `Bearer ${mock.key}`)
    return refuse(response, 401, "A key is needed.")
  if (path === "/v1/models") return send(response, { object: "list", data: mock.models })
  if (path === "/runs") return send(response, mock.runs)
  const [, name, what] = /^\/runs\/(.+)\/(metrics|report\.html)$/.exec(path) ?? []
  if (what === "metrics") {
    const from = Number(url.searchParams.get("from"))
    mock.offsets.push(from)
    return void response.end(Buffer.from(mock.logs.get(name) ?? "").subarray(from))
  }
  if (what) return void response.setHeader("content-type", "text/html").end(`<h1>Report of ${name}</h1>`)
  if (path !== "/v1/chat/completions") return refuse(response, 404, `There is no ${path}.`)
  let body = ""
  for await (const piece of request) body += piece
  const asked: ChatRequest = JSON.parse(body)
  mock.requests.push(asked)
  const reply = mock.reply(asked)
  if (reply.status) {
    if (reply.retryAfter) response.setHeader("retry-after", reply.retryAfter)
    return refuse(response, reply.status, reply.text)
  }
  response.on("close", () => {
    if (!response.writableEnded) mock.cancelled++
  })
  await writeAnswer(response, reply, asked)
}

function send(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json").end(JSON.stringify(value))
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.statusCode = status
  send(response, { error: { message, type: "invalid_request_error", code: null } })
}

function sendFile(path: string, response: ServerResponse): void {
  const file = join(PAGE, normalize(path))
  if (existsSync(file)) {
    response.setHeader("content-security-policy", POLICY)
    response.setHeader("content-type", TYPES[extname(file)])
    createReadStream(file).pipe(response)
  } else refuse(response, 404, "There is no such file.")
}
