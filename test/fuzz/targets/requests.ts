/** Requests to a server: bodies, pictures, data URIs, headers, and bytes that are no request. */

import { readFileSync } from "node:fs"
import { request as ask } from "node:http"
import { connect } from "node:net"
import { resolve } from "node:path"
import type { Random } from "../../../src/data/prng.js"
import { UserError } from "../../../src/errors.js"
import { health, type SmallServer, startSmallServer } from "../../support/small-server.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { mutateJson } from "../mutate/json.js"
import { mutatePicture } from "../mutate/picture.js"
import { oddString, pick } from "../mutate/values.js"
import { type FuzzCase, type Fuzzer, Nonsense } from "../target.js"

const PICTURE = readFileSync(resolve(import.meta.dirname, "../../../examples/pictures/sunflower.png"))

interface Valid {
  path: string
  body: object
}

const dataUri = (bytes: Uint8Array): string => `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`

/** One of each endpoint, with everything that it knows. */
function validRequests(picture: string): Valid[] {
  const common = { temperature: 0.5, top_p: 0.9, max_tokens: 4, stream: false }
  const content = [
    { type: "image_url", image_url: { url: picture } },
    { type: "text", text: "What is it?" },
  ]
  const source = { type: "base64", media_type: "image/png", data: picture.split(",")[1] ?? picture }
  return [
    {
      path: "/v1/chat/completions",
      body: {
        ...common,
        model: "bd",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content },
        ],
        seed: 1,
        n: 2,
        stop: ["\n\n", "x"],
        logprobs: true,
        top_logprobs: 2,
        stream_options: { include_usage: true },
        diffusion: {
          block_size: 4,
          steps: 2,
          threshold: null,
          remasking: "low_confidence",
          mode: "full-diffusion",
          events: true,
        },
        user: "somebody",
        prompt_cache_key: "a chat",
      },
    },
    { path: "/v1/completions", body: { ...common, model: "ar", prompt: "What is", logprobs: 1, n: 1, stop: "." } },
    {
      path: "/v1/messages",
      body: {
        ...common,
        model: "ar",
        system: [{ type: "text", text: "Be brief." }],
        messages: [
          {
            role: "user",
            content: [
              { type: "image", source },
              { type: "text", text: "What?" },
            ],
          },
        ],
        stop_sequences: ["x"],
        metadata: { user_id: "somebody" },
        thinking: { type: "disabled" },
        tools: [],
        tool_choice: { type: "none" },
        diffusion: { mode: "block-diffusion", block_size: 4 },
      },
    },
    {
      path: "/v1/messages/count_tokens",
      body: {
        model: "bd",
        system: "Be brief.",
        messages: [{ role: "user", content: [{ type: "text", text: "What?", cache_control: { type: "ephemeral" } }] }],
        thinking: { type: "disabled" },
      },
    },
  ]
}

interface Reply {
  status: number
  text: string
}

/** @throws UserError for a request that was refused, Nonsense for one that was not answered as requests are */
function judge({ status, text }: Reply): void {
  if (status < 400) {
    if (text === "") throw new Nonsense(`status ${status} without a body`)
    return
  }
  if (status >= 500) throw new Nonsense(`status ${status}: ${text.slice(0, 300)}`)
  const { error } = JSON.parse(text) as { error?: { message?: string } }
  if (!error?.message) throw new Nonsense(`status ${status} without a sentence`)
  throw new UserError(error.message)
}

function send(
  url: string,
  path: string,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return new Promise((done, failed) => {
    const request = ask(
      url + path,
      { method: "POST", headers: { "content-type": "application/json", ...headers } },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (part) => (text += part))
        response.on("end", () => done({ status: response.statusCode ?? 0, text }))
      },
    )
    // What the parser of HTTP refuses is answered before it was all sent.
    request.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "EPIPE" || error.code === "ECONNRESET"
        ? done({ status: 400, text: '{"error":{"message":"the connection was closed"}}' })
        : failed(error),
    )
    request.end(body)
  })
}

/** Bytes on the wire that may be no request; whatever comes back. */
function sendRaw(url: string, bytes: Uint8Array): Promise<void> {
  const { hostname, port } = new URL(url)
  return new Promise((done) => {
    const socket = connect(Number(port), hostname, () => socket.end(bytes))
    socket.setTimeout(3000, () => socket.destroy())
    socket.on("data", () => {})
    socket.on("error", () => {})
    socket.on("close", () => done())
  })
}

const ODD_HEADERS = [
  "authorization",
  "content-type",
  "content-encoding",
  "host",
  "origin",
  "x-api-key",
  "accept",
  "expect",
  "cookie",
  "range",
  "anthropic-version",
]
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, "").slice(0, 4000)

function oddUri(random: Random): string {
  const uris = [
    "data:",
    "data:,",
    "data:image/png;base64",
    "data:image/png;base64,",
    "data:text/plain;base64,QQ==",
    "http://",
    "https://127.0.0.1/x",
    "file:///etc/passwd",
    "file://",
    "//x",
    `data:${"a;".repeat(5000)}base64,AAAA`,
  ]
  return random() < 0.7 ? pick(random, uris) : oddString(random)
}

async function oneCase(server: SmallServer, { random, note }: FuzzCase): Promise<void> {
  const kind = random()
  if (kind < 0.35) {
    const { path, body } = pick(random, validRequests(dataUri(PICTURE)))
    const { bytes, what } = mutateJson(random, body)
    note(`${path}: ${what}`)
    return judge(await send(server.url, path, bytes))
  }
  if (kind < 0.6) {
    const { bytes, what } = random() < 0.7 ? mutatePicture(random, PICTURE) : mutateBytes(random, PICTURE)
    const uri = random() < 0.7 ? dataUri(bytes) : oddUri(random)
    note(`picture: ${what} ${uri.slice(0, 60)}`)
    const { path, body } = pick(random, [validRequests(uri)[0], validRequests(uri)[2]])
    return judge(await send(server.url, path, JSON.stringify(body)))
  }
  const { path, body } = pick(random, validRequests(dataUri(PICTURE)))
  if (kind < 0.75) {
    const { bytes, what } = mutateBytes(random, Buffer.from(JSON.stringify(body)))
    note(`${path}: ${what}`)
    return judge(await send(server.url, path, bytes))
  }
  if (kind < 0.9) {
    const name = pick(random, ODD_HEADERS)
    const value = printable(oddString(random))
    note(`${path}: ${name}: ${value.slice(0, 60)}`)
    return judge(
      await send(
        server.url,
        random() < 0.8 ? path : printable(path + encodeURI(printable(oddString(random)))),
        JSON.stringify(body),
        { [name]: value },
      ),
    )
  }
  const text = JSON.stringify(body)
  const whole = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`
  const { bytes, what } = mutateBytes(random, Buffer.from(whole))
  note(`wire: ${what}`)
  await sendRaw(server.url, bytes)
}

export async function prepare(base: string): Promise<Fuzzer> {
  const limits = { answerTokens: 8, bodyBytes: 2 ** 20, pictures: 4, pixels: 1e6, promptTokens: 300 }
  const server = await startSmallServer(base, { limits, separateCaches: true })
  for (const { path, body } of validRequests(dataUri(PICTURE)))
    await acceptedAsItIs(path, async () => judge(await send(server.url, path, JSON.stringify(body))))
  const { enginePid } = server
  return {
    async run(fuzzCase) {
      let refusal: unknown
      await oneCase(server, fuzzCase).catch((error: unknown) => {
        refusal = error
      })
      const { status } = await health(server.url)
      if (status !== "ready" || server.enginePid !== enginePid) throw new Nonsense(`the server is ${status} after it`)
      if (refusal) throw refusal
    },
    close: () => server.close(),
  }
}
