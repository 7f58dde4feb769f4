/**
 * A hundred streams at once on the built-in models, of which thirty leave in the middle, with reuse and little memory: every answer that
 * is finished is the one that a library without reuse gives alone, and behind them nothing is left.
 */

import { readFileSync } from "node:fs"
import { Agent, type IncomingMessage, request } from "node:http"
import { resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, expect, it } from "vitest"
import { randomFrom } from "../../src/data/prng.js"
import { type ClientRequest, createClient, imagePrompt, openModel, type RunningServer, serve } from "../../src/index.js"
import type { LogEntry } from "../../src/serve/settings.js"
import { eventsOf } from "../support/small-server.js"

const STREAMS = 100
const LEAVING = 30
/** Room for about five answers of those that are asked for, and for the beginnings of a few. */
const CACHE_BYTES = 384 * 1024
const PREFIX_BYTES = 96 * 1024

const log: LogEntry[] = []
let server: RunningServer
beforeAll(async () => {
  const limits = { concurrent: 60, queue: STREAMS, cacheBytes: CACHE_BYTES, prefixBytes: PREFIX_BYTES }
  server = await serve({ port: 0, dtype: "float32", limits, log: (entry) => log.push(entry) })
  await server.ready
})
afterAll(() => server?.close())

const picture = (name: string): string => resolve(import.meta.dirname, `../../examples/pictures/${name}.png`)

interface Kind extends Pick<ClientRequest, "images" | "maxTokens" | "temperature" | "seed"> {
  model: string
  images: string[]
  text: string
}

/** Every pairing of models, pictures and questions; half of them are drawn. */
const KINDS: Kind[] = ["emoji-diffusion", "emoji-ar"].flatMap((model) =>
  [[picture("panda")], [picture("sunflower")], []].flatMap((images) =>
    ["What is this?", "Describe it.", "Which colours does it have?", "Is it an animal? Say why."].map((text, i) => ({
      model,
      images,
      text,
      maxTokens: 12 + 4 * i,
      temperature: i % 2,
      seed: i,
    })),
  ),
)

function bodyOf({ model, images, text, maxTokens, temperature, seed }: Kind): string {
  const pictures = images.map((path) => ({
    type: "image_url",
    image_url: { url: `data:image/png;base64,${readFileSync(path).toString("base64")}` },
  }))
  const messages = [{ role: "user", content: [...pictures, { type: "text", text }] }]
  return JSON.stringify({ model, messages, max_tokens: maxTokens, temperature, seed, stream: true })
}

/** Each has a connection of its own, which ends with it. */
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })

/** @param leaveAfter pieces of the stream behind which the client leaves; -1: before there is an answer */
async function streamed(body: string, leaveAfter = Number.POSITIVE_INFINITY): Promise<string | undefined> {
  const headers = { "content-type": "application/json" }
  const asking = request(`${server.url}/v1/chat/completions`, { method: "POST", headers, agent })
  const answered = new Promise<IncomingMessage>((done, failed) => asking.on("response", done).on("error", failed))
  await new Promise<void>((sent) => asking.end(body, sent))
  if (leaveAfter < 0) {
    answered.catch(() => {})
    asking.destroy()
    return undefined
  }
  const response = await answered
  expect(response.statusCode).toBe(200)
  let stream = ""
  let pieces = 0
  for await (const piece of response.setEncoding("utf8")) {
    stream += piece
    if (pieces++ === leaveAfter) return undefined
  }
  const events = eventsOf(stream)
  expect(events.at(-1)).toEqual({ data: "[DONE]" })
  return events
    .map(({ data }) => (data === "[DONE]" ? "" : (JSON.parse(data).choices[0]?.delta.content ?? "")))
    .join("")
}

async function aloneAndWithoutReuse(): Promise<string[]> {
  const texts: string[] = []
  for (const model of ["emoji-diffusion", "emoji-ar"]) {
    const session = await openModel(model, { dtype: "float32", prefixCache: { bytes: 0 } })
    const client = createClient({ session })
    for (const { text, ...request } of KINDS.filter((kind) => kind.model === model)) {
      const messages = [{ role: "user" as const, content: imagePrompt(request.images.length, text) }]
      for await (const event of client.answer({ ...request, messages }))
        if (event.type === "done") texts.push(event.text)
    }
  }
  return texts
}

/** What the server tells of itself, by name. */
async function numbers(): Promise<Map<string, number>> {
  const text = await new Promise<string>((done, failed) =>
    request(`${server.url}/metrics`, { agent }, async (response) => {
      let all = ""
      for await (const piece of response.setEncoding("utf8")) all += piece
      done(all)
    })
      .on("error", failed)
      .end(),
  )
  const lines = text.matchAll(/^diffusionvl_(\w+(?:\{count="[\w.]+"\})?) (\S+)$/gm)
  return new Map([...lines].map(([, name, value]) => [name.replace(/\{count="(.*)"\}/, ".$1"), Number(value)]))
}

/** What it tells when everything has ended. */
async function whenIdle(): Promise<Map<string, number>> {
  const busy = ["running", "waiting", "bodies", "body_bytes", "cache_bytes", "engine_requests", "engine_sequences"]
  for (let last = await numbers(); ; last = await numbers()) {
    if (last.get("engine_tensors")! > 0 && busy.every((name) => !last.get(name)) && last.get("connections") === 1)
      return last
    await sleep(100)
  }
}

/** Bytes of tensors that are not kept for later requests: weights that are no mapped file, requests under way, and whatever leaks. */
const unaccounted = (of: Map<string, number>): number =>
  of.get("engine_tensor_bytes")! - of.get("reuse.prefixes.bytes")! - of.get("reuse.pictures.bytes")!

it("a hundred streams, thirty of which leave: the answers of each alone, and nothing is left", async () => {
  const alone = await aloneAndWithoutReuse()
  expect(new Set(alone).size).toBeGreaterThan(10)
  // What a model computes once, such as its frequencies, is there behind its first answer.
  const firsts = [0, KINDS.length / 2]
  for (const i of firsts) expect(await streamed(bodyOf(KINDS[i]))).toBe(alone[i])
  const before = await whenIdle()

  const random = randomFrom(11)
  const order = Array.from({ length: STREAMS }, (_, i) => ({ i, at: random() })).sort((a, b) => a.at - b.at)
  const leaving = new Map(order.slice(0, LEAVING).map(({ i }) => [i, Math.floor(random() * 3) - 1]))
  const streams = Array.from({ length: STREAMS }, (_, i) => streamed(bodyOf(KINDS[i % KINDS.length]), leaving.get(i)))
  const seen: Map<string, number>[] = []
  const all = Promise.all(streams)
  for (let done = false; !done; ) {
    seen.push(await numbers())
    done = await Promise.race([all.then(() => true), sleep(300, false)])
  }
  for (const [i, text] of (await all).entries())
    if (!leaving.has(i)) expect(text, `stream ${i}`).toBe(alone[i % alone.length])

  const left = await whenIdle()
  expect(left.get("connections")).toBe(1)
  expect(server.counts).toEqual({ running: 0, waiting: 0, requests: 0 })
  // What is kept has names, which count with it and are no tensors; a cache or the logits of a sequence are larger than all of them.
  expect(Math.abs(unaccounted(left) - unaccounted(before))).toBeLessThan(4096)

  expect(Math.max(...seen.map((one) => one.get("running")!))).toBe(60)
  for (const one of [...seen, left]) {
    expect(one.get("engine_sequence_bytes")).toBeLessThanOrEqual(one.get("cache_bytes")!)
    for (const kind of ["prefixes", "pictures"])
      expect(one.get(`reuse.${kind}.bytes`)).toBeLessThanOrEqual(one.get(`reuse.${kind}.limit`)!)
  }
  expect(left.get("cache_bytes_most")).toBeLessThanOrEqual(CACHE_BYTES)
  const grown = Math.max(...seen.map((one) => one.get("engine_resident_bytes")!)) - before.get("engine_resident_bytes")!
  expect(grown).toBeLessThan(128 * 2 ** 20)
  // The limits were felt, and what is kept was found again.
  expect(left.get("cache_bytes_most")).toBeGreaterThan(CACHE_BYTES / 2)
  expect(left.get("reuse.prefixes.evictions")).toBeGreaterThan(0)
  expect(left.get("reuse.prefixes.hits")).toBeGreaterThan(0)
  expect(left.get("reuse.pictures.reused")).toBeGreaterThan(0)
  const ended = log.filter(({ event, path }) => event === "request" && path === "/v1/chat/completions")
  expect(ended).toHaveLength(STREAMS + firsts.length)
  // Who leaves behind a piece may have had the whole answer in it.
  const early = [...leaving.values()].filter((after) => after < 0).length
  expect(early).toBeGreaterThan(5)
  expect(ended.filter(({ status }) => status === 499).length).toBeGreaterThanOrEqual(early)
  expect(ended.filter(({ status }) => status !== 200 && status !== 499)).toEqual([])
}, 120_000)
