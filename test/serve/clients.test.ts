/** A real server, asked by the clients that people use. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import Anthropic from "@anthropic-ai/sdk"
import OpenAI from "openai"
import { zodResponseFormat } from "openai/helpers/zod"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { z } from "zod"
import { type SmallServer, startSmallServer } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-serve-"))
const panda = readFileSync(resolve(import.meta.dirname, "../../examples/pictures/panda.png")).toString("base64")
let server: SmallServer
let openai: OpenAI
let anthropic: Anthropic

beforeAll(async () => {
  server = await startSmallServer(folder, { apiKeys: ["key"] })
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "key", maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: server.url, apiKey: "key", maxRetries: 0 })
})
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

const messages = [{ role: "user" as const, content: "What is it?" }]

describe("the client of OpenAI", () => {
  it("lists models", async () => {
    const { data } = await openai.models.list()
    expect(data.map(({ id }) => id)).toEqual(["ar", "bd"])
    expect(data[1]).toMatchObject({
      diffusion: {
        paradigm: "block-diffusion",
        images: true,
        ready: true,
        default: { block_size: 4 },
        modes: ["block-diffusion", "autoregressive", "full-diffusion"],
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
    expect(await openai.models.retrieve("bd")).toMatchObject({ id: "bd" })
    await expect(openai.models.retrieve("none")).rejects.toMatchObject({ status: 404, code: "model_not_found" })
  })

  it.each(["ar", "bd"])("streams what it gives whole, with usage, of %s", async (model) => {
    const whole = await openai.chat.completions.create({ model, messages, max_tokens: 10 })
    const [{ message, finish_reason }] = whole.choices
    expect(message.role).toBe("assistant")
    const stream = await openai.chat.completions.create({
      model,
      messages,
      max_tokens: 10,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ""
    let usage: OpenAI.CompletionUsage | null | undefined
    const reasons: string[] = []
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ""
      if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason)
      usage = chunk.usage ?? usage
    }
    expect(text).toBe(message.content)
    expect(reasons).toEqual([finish_reason])
    // The second time the prompt is known.
    const own = { diffusion: null, prompt_tokens_details: null }
    expect({ ...usage, ...own }).toEqual({ ...whole.usage, ...own })
    expect(usage!.prompt_tokens_details!.cached_tokens).toBeGreaterThan(0)
    expect(usage!.completion_tokens).toBeLessThanOrEqual(10)
    expect(usage).toMatchObject({
      prompt_tokens_details: { cached_tokens: expect.any(Number) },
      diffusion: { forwards: expect.any(Number) },
    })
  })

  it("shows pictures, several answers, log-probabilities and stops", async () => {
    const content: OpenAI.ChatCompletionContentPart[] = [
      { type: "image_url", image_url: { url: `data:image/png;base64,${panda}` } },
      { type: "text", text: "What is it?" },
    ]
    const { choices, usage } = await openai.chat.completions.create({
      model: "bd",
      messages: [{ role: "user", content }],
      max_completion_tokens: 6,
      n: 2,
      temperature: 1,
      seed: 3,
      logprobs: true,
      top_logprobs: 2,
    })
    expect(choices.map(({ index }) => index)).toEqual([0, 1])
    expect(choices[0].logprobs!.content!.every(({ top_logprobs }) => top_logprobs.length === 2)).toBe(true)
    expect(usage!.prompt_tokens).toBeGreaterThan(20)
    const plain = await openai.chat.completions.create({ model: "ar", messages, max_tokens: 12 })
    const text = plain.choices[0].message.content!
    const stop = text.slice(2, 4)
    const stopped = await openai.chat.completions.create({ model: "ar", messages, max_tokens: 12, stop })
    expect(stopped.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: text.slice(0, text.indexOf(stop)) },
    })
  })

  it("gives JSON as a schema wants it", async () => {
    const schema = {
      type: "object",
      properties: { colour: { enum: ["red", "blue"] } },
      required: ["colour"],
      additionalProperties: false,
    }
    const { choices } = await openai.chat.completions.create({
      model: "bd",
      messages,
      max_tokens: 40,
      response_format: { type: "json_schema", json_schema: { name: "colour", schema, strict: true } },
    })
    expect(["red", "blue"]).toContain(JSON.parse(choices[0].message.content!).colour)
    // Parsed by the client, which takes none that was cut: the random model's name goes on until its limit closes it.
    const thing = z.object({ name: z.string(), parts: z.array(z.enum(["wheel", "door"])), size: z.number().nullable() })
    for (const model of ["ar", "bd"]) {
      const parsed = await openai.chat.completions.parse({
        model,
        messages,
        max_tokens: 60,
        response_format: zodResponseFormat(thing, "thing"),
      })
      expect(thing.parse(parsed.choices[0].message.parsed)).toEqual(parsed.choices[0].message.parsed)
    }
    const { content } = await anthropic.messages.create({
      model: "bd",
      messages,
      max_tokens: 40,
      output_config: { format: { type: "json_schema", schema } },
    })
    expect(["red", "blue"]).toContain(JSON.parse((content[0] as Anthropic.TextBlock).text).colour)
  })

  it("continues a text", async () => {
    const { choices, usage } = await openai.completions.create({
      model: "ar",
      prompt: "What",
      max_tokens: 5,
      logprobs: 1,
    })
    expect(choices[0].logprobs!.tokens!.length).toBe(usage!.completion_tokens)
    expect(choices[0].logprobs!.text_offset![0]).toBe(0)
  })

  it("is told what is wrong in its own words", async () => {
    const failing = (changes: object) =>
      openai.chat.completions.create({
        model: "bd",
        messages,
        max_tokens: 4,
        ...changes,
      } as OpenAI.ChatCompletionCreateParamsNonStreaming)
    await expect(failing({ model: "none" })).rejects.toMatchObject({ status: 404, code: "model_not_found" })
    await expect(failing({ frobnicate: 1 })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/Unrecognized request argument supplied: frobnicate/),
    })
    await expect(failing({ tools: [{ type: "function", function: { name: "f" } }] })).rejects.toMatchObject({
      status: 400,
      code: "unsupported_parameter",
      param: "tools",
    })
    await expect(failing({ diffusion: { mode: "none" } })).rejects.toMatchObject({
      status: 400,
      param: "diffusion.mode",
    })
    await expect(failing({ model: "ar", diffusion: { block_size: 4 } })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/block-size/),
    })
    await expect(failing({ temperature: "hot" })).rejects.toMatchObject({ status: 400, param: "temperature" })
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "wrong", maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" })
  })
})

describe("the client of Anthropic", () => {
  it("gets its events in their order, and the same text whole", async () => {
    const whole = await anthropic.messages.create({ model: "bd", max_tokens: 9, messages, system: "Be brief." })
    expect(whole.content[0]).toMatchObject({ type: "text" })
    const types: string[] = []
    const stream = anthropic.messages.stream({
      model: "bd",
      max_tokens: 9,
      messages,
      system: [{ type: "text", text: "Be brief." }],
    })
    stream.on("streamEvent", ({ type }) => types.push(type))
    const final = await stream.finalMessage()
    const { input_tokens: input, cache_read_input_tokens: known } = final.usage
    expect(input + known!).toBe(whole.usage.input_tokens + whole.usage.cache_read_input_tokens!)
    expect({ ...final, id: null, usage: null, parsed_output: null }).toEqual({
      ...whole,
      id: null,
      usage: null,
      parsed_output: null,
      content: final.content,
    })
    expect(final.content).toMatchObject([{ type: "text", text: (whole.content[0] as { text: string }).text }])
    const deltas = types.filter((type) => type === "content_block_delta").length
    expect(types).toEqual([
      "message_start",
      "content_block_start",
      ...Array(deltas).fill("content_block_delta"),
      "content_block_stop",
      "message_delta",
      "message_stop",
    ])
  })

  it("shows pictures, and ends before its stop sequences", async () => {
    const source = { type: "base64" as const, media_type: "image/png" as const, data: panda }
    const content = [
      { type: "image" as const, source },
      { type: "text" as const, text: "What is it?" },
    ]
    const { usage } = await anthropic.messages.create({
      model: "bd",
      max_tokens: 3,
      messages: [{ role: "user", content }],
    })
    expect(usage.input_tokens + usage.cache_read_input_tokens!).toBeGreaterThan(20)
    expect(usage.output_tokens).toBeLessThanOrEqual(3)
    const whole = await anthropic.messages.create({ model: "ar", max_tokens: 12, messages })
    const text = (whole.content[0] as { text: string }).text
    const stop = text.slice(1, 3)
    const stopped = await anthropic.messages.create({ model: "ar", max_tokens: 12, messages, stop_sequences: [stop] })
    expect(stopped).toMatchObject({
      stop_reason: "stop_sequence",
      stop_sequence: stop,
      content: [{ text: text.slice(0, text.indexOf(stop)) }],
    })
  })

  it("counts tokens, in the context and out of it", async () => {
    const asked = { model: "bd", messages, system: [{ type: "text" as const, text: "Be brief." }] }
    const { input_tokens } = await anthropic.messages.countTokens(asked)
    const { usage } = await anthropic.messages.create({ ...asked, max_tokens: 3 })
    expect(input_tokens).toBe(usage.input_tokens + usage.cache_read_input_tokens!)
    await expect(anthropic.messages.countTokens({ ...asked, model: "none" })).rejects.toMatchObject({ status: 404 })
  })

  it("may say what changes nothing", async () => {
    const block = { type: "text" as const, text: "What is it?", cache_control: { type: "ephemeral" as const } }
    const { content } = await anthropic.messages.create({
      model: "ar",
      max_tokens: 4,
      messages: [{ role: "user", content: [block] }],
      system: [{ ...block, text: "Be brief." }],
      thinking: { type: "disabled" },
      tools: [],
      tool_choice: { type: "none" },
      metadata: { user_id: "somebody" },
      ...{ top_k: 3 },
    })
    expect(content).toMatchObject([{ type: "text" }])
  })

  it("is told that its model was not trained for a mode", async () => {
    const mode = { diffusion: { mode: "autoregressive" } }
    const asked = { model: "bd", max_tokens: 4, messages, ...mode }
    expect((await anthropic.messages.create(asked)).usage).toMatchObject({
      diffusion: { warning: expect.stringMatching(/^the model was not trained for this mode/) },
    })
    const stream = anthropic.messages.stream(asked)
    let told: object = {}
    stream.on("streamEvent", (event) => {
      if (event.type === "message_delta") told = event.usage
    })
    await stream.done()
    expect(told).toMatchObject({ diffusion: { warning: expect.any(String) } })
    const { usage } = await openai.chat.completions.create({ model: "bd", max_tokens: 4, messages, ...mode })
    expect(usage).toMatchObject({ diffusion: { warning: expect.any(String) } })
    const own = await openai.chat.completions.create({ model: "bd", max_tokens: 4, messages })
    expect(JSON.stringify(own.usage)).not.toContain("warning")
  })

  it("is told what is wrong in its own words", async () => {
    await expect(anthropic.messages.create({ model: "none", max_tokens: 3, messages })).rejects.toMatchObject({
      status: 404,
      error: { type: "error", error: { type: "not_found_error" } },
    })
    const thinking = { type: "enabled" as const, budget_tokens: 1024 }
    await expect(anthropic.messages.create({ model: "bd", max_tokens: 3, messages, thinking })).rejects.toMatchObject({
      status: 400,
    })
  })
})
