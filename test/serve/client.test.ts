/** The library's client: the same answers from a model of this program and from a server; and `chat --url`. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import {
  type Client,
  type ClientEvent,
  type ClientRequest,
  createClient,
  imagePrompt,
  loadSession,
} from "../../src/index.js"
import { start } from "../support/program.js"
import { type SmallServer, startSmallServer, until } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-client-"))
const panda = resolve(import.meta.dirname, "../../examples/pictures/panda.png")
let server: SmallServer
let remote: Client
let local: Client
beforeAll(async () => {
  server = await startSmallServer(folder, { apiKeys: ["key"] })
  remote = createClient({ url: server.url, apiKey: "key" })
  local = createClient({ session: { ...loadSession(join(folder, "bd"), { dtype: "float32" }), name: "bd" } })
})
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

async function answer(client: Client, request: Omit<ClientRequest, "model">): Promise<ClientEvent[]> {
  const events: ClientEvent[] = []
  for await (const event of client.answer({ model: "bd", ...request })) events.push(event)
  return events
}

it("gives the same events here and from a server, pictures included", async () => {
  const [first] = await local.models()
  expect(await remote.models()).toMatchObject([
    { id: "ar" },
    { id: first.id, paradigm: first.paradigm, default: first.default, images: true },
  ])
  for (const request of [
    { messages: [{ role: "user" as const, content: "What is it?" }], maxTokens: 9 },
    {
      messages: [{ role: "user" as const, content: imagePrompt(2, "What is it?") }],
      images: [panda, readFileSync(panda)],
      maxTokens: 7,
      temperature: 1,
      seed: 3,
      blockSize: 2,
      threshold: 0.5,
    },
  ]) {
    const [here, there] = [await answer(local, request), await answer(remote, request)]
    const withoutTime = (events: ClientEvent[]) =>
      events.map((event) => {
        // A forward is told over HTTP only.
        if (event.type === "done")
          return { ...event, statistics: { ...event.statistics, milliseconds: 0, cachedTokens: 0 } }
        const { forward: _f, index: _i, ...told } = event as ClientEvent & { forward?: unknown; index?: unknown }
        return told
      })
    expect(withoutTime(there)).toEqual(withoutTime(here))
    expect(here.some(({ type }) => type === "draft")).toBe(true)
    expect(here.at(-1)).toMatchObject({ type: "done", statistics: { promptTokens: expect.any(Number) } })
  }
})

it("has answers of a format, here and from a server", async () => {
  const messages = [{ role: "user" as const, content: "What is it?" }]
  const properties = { colour: { enum: ["red", "blue"] } }
  for (const [format, expected] of [
    [
      { type: "json_schema", schema: { type: "object", properties, required: ["colour"] } },
      /^{"colour": ?"(red|blue)"}$/,
    ],
    [{ type: "json_object" }, /^{.*}$/s],
    [{ type: "regex", pattern: "[ab]{3}" }, /^[ab]{3}$/],
  ] as const) {
    const [here, there] = await Promise.all(
      [local, remote].map(async (client) => (await answer(client, { messages, maxTokens: 24, format })).at(-1)),
    )
    expect(there).toMatchObject({ type: "done", text: expect.stringMatching(expected) })
    expect(there).toMatchObject({ text: (here as { text: string }).text })
  }
})

it("says what is wrong in a sentence", async () => {
  const messages = [{ role: "user" as const, content: "x" }]
  for (const client of [local, remote]) {
    await expect(answer(client, { messages, guidance: 1 })).rejects.toMatchObject({ name: "UserError" })
    await expect(answer(client, { messages: [] })).rejects.toMatchObject({ name: "UserError" })
    await expect(answer(client, { messages, images: [join(folder, "none.png")] })).rejects.toMatchObject({
      name: "UserError",
    })
  }
  await expect(createClient({ url: server.url }).models()).rejects.toThrow(/API key/)
  await expect(createClient({ url: "http://127.0.0.1:9" }).models()).rejects.toThrow(/no server/)
  expect(() => createClient({ url: "nowhere" })).toThrow(/no address/)
})

it("ends an answer when it is aborted, or nobody listens any more", async () => {
  const messages = [{ role: "user" as const, content: "What is it?" }]
  for await (const event of remote.answer({ model: "ar", messages, maxTokens: 400 })) if (event.type === "text") break
  await until(() => server.counts.running === 0)
  const leaving = new AbortController()
  const events = remote.answer({ model: "ar", messages, maxTokens: 400, signal: leaving.signal })
  await events.next()
  leaving.abort(new Error("enough"))
  await expect(async () => {
    for await (const _ of events);
  }).rejects.toThrow("enough")
  await until(() => server.counts.running === 0)
})

it("chat --url holds a conversation, with pictures", async () => {
  const lines = `/image ${panda}\nWhat is it?\nSure?\n/quit\n`
  const args = ["chat", "--url", server.url, "--api-key", "key", "--model", "bd", "--max-tokens", "6"]
  const { code, out, err } = await start(folder, args, lines).result
  expect([code, err.match(/ · \d+ tokens in /g)?.length]).toEqual([0, 2])
  expect(err).toMatch(/^bd at http/m)
  expect(out.split("\n").length).toBeGreaterThan(2)
  const wrong = await start(folder, ["chat", "--url", server.url, "--api-key", "key", "--model", "none"]).result
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("it has ar, bd")])
})
