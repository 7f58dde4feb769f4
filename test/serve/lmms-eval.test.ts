/**
 * Requests as lmms-eval 0.7.3 sends them to a server of OpenAI's API, after its source: the model `openai` as a simple and as a chat
 * model, and `async_openai`; with the parameters of its tasks.
 */

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import OpenAI from "openai"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type SmallServer, startSmallServer } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-lmms-"))
let server: SmallServer
let client: OpenAI
beforeAll(async () => {
  server = await startSmallServer(folder)
  // Its address ends in /v1, and any key is sent.
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "EMPTY", maxRetries: 0 })
})
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

const data = (name: string): string =>
  readFileSync(resolve(import.meta.dirname, `../../examples/pictures/${name}.png`)).toString("base64")
const picture = (name: string) => ({
  type: "image_url" as const,
  image_url: { url: `data:image/png;base64,${data(name)}` },
})
const text = (text: string) => ({ type: "text" as const, text })

type Payload = OpenAI.ChatCompletionCreateParamsNonStreaming

/** Simple models send one message of the user: the text, and behind it the pictures. */
const simple = (context: string, pictures: string[], parameters: object = {}): Payload => ({
  model: "bd",
  messages: [{ role: "user", content: [text(context), ...pictures.map(picture)] }],
  max_tokens: 16,
  temperature: 0,
  ...parameters,
})

/** Chat models send the messages of the task; each is a list of parts, also those of the system and of the assistant. */
const chat = (parameters: object = {}): Payload => ({
  messages: [
    { role: "system", content: [text("You are a helpful assistant.")] },
    { role: "user", content: [picture("panda"), text("What is this?")] },
    { role: "assistant", content: [text("It is it.")] },
    {
      role: "user",
      content: [picture("sunflower"), text("What is it?\nAnswer the question using a single word or phrase.")],
    },
  ],
  model: "bd",
  max_tokens: 16,
  temperature: 0,
  ...parameters,
})

it.each<[string, Payload]>([
  ["simple, with a picture", simple("What is it?", ["panda"])],
  ["simple, with two pictures", simple("What is it? What is it?", ["panda", "sunflower"])],
  ["simple, without a picture", simple("What is it?", [])],
  ["simple, of another temperature", simple("What is it?", ["panda"], { temperature: 0.7 })],
  ["chat", chat()],
  [
    "chat, with the parameters of a task",
    chat({ top_p: 0.95, seed: 42, presence_penalty: 0, frequency_penalty: 0.0, n: 1 }),
  ],
  ["chat, to the context's end: its default of 1024 tokens is more than there is", chat({ max_tokens: 1024 })],
])("%s", async (_, payload) => {
  const { choices, usage } = await client.chat.completions.create(payload)
  expect(choices).toHaveLength(1)
  expect(choices[0].message.content).toEqual(expect.any(String))
  expect(choices[0].finish_reason).toMatch(/^(stop|length)$/)
  // It counts what the answers took.
  expect(usage!.prompt_tokens).toBeGreaterThan(5)
  expect(usage!.completion_tokens).toBeGreaterThan(0)
  expect(usage!.total_tokens).toBe(usage!.prompt_tokens + usage!.completion_tokens)
})

it("32 at a time, as it asks, are answered in any order, each with its own answer", async () => {
  const payloads = Array.from({ length: 32 }, (_, i) => simple(`What is it?${" it".repeat(i % 4)}`, ["panda"]))
  const answers = await Promise.all(payloads.map((payload) => client.chat.completions.create(payload)))
  const texts = answers.map(({ choices }) => choices[0].message.content)
  for (const [i, own] of texts.entries()) expect(own).toBe(texts[i % 4])
  // The picture and what stands before it are known.
  const cached = answers.map(({ usage }) => usage!.prompt_tokens_details!.cached_tokens!)
  expect(Math.max(...cached)).toBeGreaterThan(0)
})

it("what cannot be done is an error of its client with a sentence: it is printed, and asked for again in vain", async () => {
  const failing = (payload: object) => client.chat.completions.create(payload as Payload)
  const video = { type: "video_url", video_url: { url: "file:///a.mp4" } }
  await expect(
    failing(simple("", [], { messages: [{ role: "user", content: [text("What?"), video] }] })),
  ).rejects.toThrow(/400.*expected text or image_url/)
  await expect(failing({ ...chat(), chat_template_kwargs: { enable_thinking: false } })).rejects.toThrow(
    /Unrecognized request argument supplied: chat_template_kwargs/,
  )
})
