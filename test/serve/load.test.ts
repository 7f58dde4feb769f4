/** Too many at once, those who leave, those who do not read, and an engine that ends. Many at once: many-streams.test.ts. */

import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventsOf, health, type SmallServer, startSmallServer, until } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-load-"))
let server: SmallServer
beforeAll(async () => {
  const limits = { concurrent: 8, queue: 120, unreadBytes: 20_000, unreadMs: 1500 }
  server = await startSmallServer(folder, { limits })
})
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

const body = (changes: object = {}): string =>
  JSON.stringify({
    model: "bd",
    messages: [{ role: "user", content: "What is it?" }],
    max_tokens: 12,
    stream: true,
    stream_options: { include_usage: true },
    ...changes,
  })
const ask = (text: string, signal?: AbortSignal) =>
  fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: text,
    signal,
  })
const textOf = (stream: string): string =>
  eventsOf(stream)
    .map(({ data }) => (data === "[DONE]" ? "" : (JSON.parse(data).choices[0]?.delta.content ?? "")))
    .join("")
const nothingLeft = () => until(async () => server.counts.requests === 0 && server.counts.running === 0)

it("says that it is busy, and when to come again", async () => {
  const leaving = new AbortController()
  const refused: Response[] = []
  const all = Array.from({ length: 140 }, async () => {
    const response = await ask(body({ max_tokens: 450 }), leaving.signal)
    if (response.status === 429) refused.push(response)
  }).map((asking) => asking.catch(() => {}))
  await until(() => refused.length > 0)
  expect(Number(refused[0].headers.get("retry-after"))).toBeGreaterThan(0)
  expect(await refused[0].json()).toMatchObject({ error: { type: "rate_limit_error", code: "rate_limit_exceeded" } })
  expect(server.counts.requests).toBeLessThanOrEqual(128)
  expect(server.counts.running).toBeLessThanOrEqual(8)
  leaving.abort()
  await Promise.all(all)
  await nothingLeft()
  expect(server.counts).toEqual({ running: 0, waiting: 0, requests: 0 })
}, 120_000)

describe("a client that leaves", () => {
  it.each([true, false])("frees its place before the answer is done, streaming %s", async (stream) => {
    const leaving = new AbortController()
    server.log.length = 0
    const response = ask(body({ max_tokens: 400, stream, stream_options: undefined }), leaving.signal).catch(() => {})
    await until(() => server.counts.running === 1)
    if (stream) await response
    leaving.abort()
    await until(() => server.counts.running === 0)
    await response
    await until(() => server.log.some(({ status }) => status === 499))
    for (const { finish } of server.log) expect(finish).toBeUndefined()
  })
})

it("gives up a reader that does not read", async () => {
  const { port, hostname } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on("error", () => {})
  socket.pause()
  const text = body({
    n: 8,
    max_tokens: 480,
    logprobs: true,
    top_logprobs: 20,
    diffusion: { events: true, steps: 4, remasking: "low_confidence_static" },
  })
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  )
  await until(
    () => server.log.some(({ reason }) => /reader does not read|too much waits/.test(String(reason))),
    100_000,
  )
  socket.destroy()
  await nothingLeft()
  expect(server.counts.running).toBe(0)
}, 120_000)

it("an engine that is killed fails what it was doing, and comes back by itself", async () => {
  const running = [
    ask(body({ max_tokens: 450 })),
    ask(body({ max_tokens: 450, stream: false, stream_options: undefined })),
  ]
  await until(() => server.counts.running === 2)
  const [streamed] = await Promise.all([running[0]])
  const { enginePid } = server
  process.kill(enginePid!, "SIGKILL")
  const events = eventsOf(await streamed.text())
  expect(JSON.parse(events.at(-1)!.data).error).toMatchObject({ code: "engine_failed", type: "server_error" })
  expect((await running[1]).status).toBe(500)
  expect((await fetch(`${server.url}/health`)).status).toBe(503)
  const meanwhile = await ask(body())
  expect(meanwhile.status).toBe(503)
  expect(meanwhile.headers.get("retry-after")).not.toBeNull()
  await until(async () => (await health(server.url)).status === "ready")
  expect(server.enginePid).not.toBe(enginePid)
  expect(textOf(await (await ask(body())).text())).not.toBe("")
  expect(server.log.map(({ event }) => event)).toContain("engine_ended")
}, 120_000)

it("an engine that no longer says anything is started again", async () => {
  const stuck = await startSmallServer(join(folder, "stuck"), { limits: { stuckMs: 3000 } })
  try {
    const { enginePid } = stuck
    const answer = fetch(`${stuck.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: body({ max_tokens: 450, stream: false, stream_options: undefined }),
    })
    await until(() => stuck.counts.running === 1)
    process.kill(enginePid!, "SIGSTOP")
    expect((await answer).status).toBe(500)
    await until(async () => (await health(stuck.url)).status === "ready")
    expect(stuck.enginePid).not.toBe(enginePid)
  } finally {
    await stuck.close()
  }
}, 120_000)
