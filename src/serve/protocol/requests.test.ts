import { describe, expect, it } from "vitest"
import type { ApiError } from "../api-error.js"
import { readCount, readMessages } from "./anthropic-request.js"
import { readChat } from "./openai-chat.js"
import { readCompletion } from "./openai-completions.js"

const chat = (changes: object = {}) => readChat({ model: "m", messages: [{ role: "user", content: "hi" }], ...changes })
const message = (changes: object = {}) =>
  readMessages({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }], ...changes })
const failure = (work: () => unknown): ApiError => {
  try {
    work()
  } catch (error) {
    expect(error).toMatchObject({ name: "ApiError", status: 400 })
    return error as ApiError
  }
  throw new Error("nothing was refused")
}

describe("readChat", () => {
  it("reads all that can be asked for", () => {
    const asked = chat({
      max_tokens: 7,
      max_completion_tokens: 5,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 4,
      seed: 3,
      stop: "x",
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
      logprobs: true,
      top_logprobs: 3,
      diffusion: {
        block_size: 4,
        steps: 2,
        threshold: 0.7,
        remasking: "low_confidence_dynamic",
        mode: "block-diffusion",
        events: true,
      },
      user: "somebody",
      tools: [],
      tool_choice: "auto",
      presence_penalty: 0,
    })
    expect(asked).toEqual({
      request: {
        model: "m",
        prompt: { messages: [{ role: "user", content: "hi" }] },
        pictures: [],
        decoding: {
          temperature: 0.5,
          topP: 0.9,
          topK: 4,
          seed: 3,
          mode: "block-diffusion",
          blockSize: 4,
          steps: 2,
          threshold: 0.7,
          strategy: "low_confidence_dynamic",
        },
        maxTokens: 5,
        stop: ["x"],
        n: 2,
        logProbabilities: 3,
        progress: true,
      },
      askedFor: ["somebody", undefined, undefined],
      stream: true,
      usage: true,
    })
  })

  it("takes null for what was not asked, and asks the decoder for nothing then", () => {
    const nothing = {
      temperature: null,
      top_p: null,
      seed: null,
      stop: null,
      n: null,
      stream: null,
      max_tokens: null,
      diffusion: null,
    }
    const { request, stream } = chat(nothing)
    expect(request).toMatchObject({ decoding: {}, stop: [], n: 1, progress: false })
    expect(Object.keys(request.decoding)).toEqual([])
    expect(stream).toBe(false)
  })

  it("keeps the order of texts and pictures, and separates them as models have learned it", () => {
    const image = (data: string) => ({ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } })
    const content = [
      image("AAAA"),
      image("BBBB"),
      { type: "text", text: "What?" },
      { type: "text", text: " Say." },
      image("CCCC"),
    ]
    const { prompt, pictures } = chat({
      messages: [
        { role: "developer", content: "Brief." },
        { role: "user", content },
      ],
    }).request
    const [I, T] = [{ type: "image" }, (text: string) => ({ type: "text", text })]
    expect(prompt).toEqual({
      messages: [
        { role: "system", content: "Brief." },
        { role: "user", content: [I, T(" "), I, T("\nWhat?"), T(" Say."), I] },
      ],
    })
    expect(pictures).toEqual(["AAAA", "BBBB", "CCCC"].map((data) => ({ type: "base64", data })))
  })

  it("tells addresses from data", () => {
    const pictureOf = (url: string) =>
      chat({ messages: [{ role: "user", content: [{ type: "image_url", image_url: url }] }] }).request.pictures[0]
    expect(pictureOf("data:image/png;name=a.png;base64,QUJD")).toEqual({ type: "base64", data: "QUJD" })
    for (const url of ["https://a.example/b.png", "file:///a.png", "data:image/svg+xml,<svg/>", "x"])
      expect(pictureOf(url)).toEqual({ type: "url", url })
  })

  it.each([
    [{ model: "" }, "model"],
    [{ messages: [] }, "messages"],
    [{ messages: [{ role: "robot", content: "" }] }, "messages.0.role"],
    [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "messages.0.content.0"],
    [{ messages: [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }] }, "messages.0.content.0"],
    [{ messages: [{ role: "assistant", content: [{ type: "image_url", image_url: "data:," }] }] }, "messages.0"],
    [{ messages: [{ role: "tool", content: "x" }] }, "messages.0"],
    [{ max_tokens: 0 }, "max_tokens"],
    [{ max_tokens: 1.5 }, "max_tokens"],
    [{ temperature: 3 }, "temperature"],
    [{ n: 1000 }, "n"],
    [{ seed: -1 }, "seed"],
    [{ stop: [""] }, "stop"],
    [{ stop: ["\ud83d"] }, "stop"],
    [{ top_logprobs: 2 }, "top_logprobs"],
    [{ frequency_penalty: 0.5 }, "frequency_penalty"],
    [{ logit_bias: { 5: 1 } }, "logit_bias"],
    [{ tools: [{}] }, "tools"],
    [{ modalities: ["text", "audio"] }, "modalities"],
    [{ diffusion: { block_sise: 4 } }, "diffusion.block_sise"],
    [{ frobnicate: 1 }, "frobnicate"],
    [{ response_format: { type: "json_schema" } }, "response_format"],
  ])("refuses %j by its key", (changes, param) => {
    const { message, param: told } = failure(() => chat(changes))
    expect(told?.startsWith(param)).toBe(true)
    expect(message).toMatch(/\w+ \w+/)
    expect(message).not.toMatch(/undefined|\[object|Invalid input/)
  })

  it("reads forms of answers", () => {
    const format = (response_format: object) => chat({ response_format }).request.decoding.format
    expect(format({ type: "text" })).toBeUndefined()
    expect(format({ type: "json_object" })).toEqual({ type: "json_object" })
    expect(
      format({ type: "json_schema", json_schema: { name: "a", strict: true, schema: { type: "object" } } }),
    ).toEqual({
      type: "json_schema",
      schema: { type: "object" },
    })
    expect(format({ type: "regex", pattern: "a+" })).toEqual({ type: "regex", pattern: "a+" })
  })
})

describe("readMessages", () => {
  it("reads forms of answers, wherever clients write them", () => {
    const formatOf = (changes: object) => message(changes).request.decoding.format
    const asked = { type: "json_schema", schema: { type: "object" } }
    expect(formatOf({ output_config: { effort: "low", format: asked } })).toEqual(asked)
    expect(formatOf({ output_format: asked })).toEqual(asked)
    expect(formatOf({ output_config: { format: { type: "regex", pattern: "a+" } } })).toMatchObject({ pattern: "a+" })
    for (const none of [null, {}, { effort: "low" }, { format: null }])
      expect(formatOf({ output_config: none })).toBeUndefined()
  })

  it("reads a system message, blocks, pictures and stop sequences", () => {
    const source = { type: "base64", media_type: "image/png", data: "QUJD" }
    const asked = message({
      system: [
        { type: "text", text: "One." },
        { type: "text", text: "Two.", cache_control: { type: "ephemeral" } },
      ],
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source },
            { type: "text", text: "What?" },
          ],
        },
        { role: "assistant", content: [{ type: "text", text: "A dog." }] },
        { role: "user", content: "Sure?" },
      ],
      stop_sequences: ["\n\n"],
      top_k: 5,
      metadata: { user_id: "x" },
      thinking: { type: "disabled" },
    })
    expect(asked.request).toMatchObject({
      prompt: {
        messages: [
          { role: "system", content: "One.\nTwo." },
          { role: "user", content: [{ type: "image" }, { type: "text", text: "\nWhat?" }] },
          { role: "assistant", content: [{ type: "text", text: "A dog." }] },
          { role: "user", content: "Sure?" },
        ],
      },
      pictures: [{ type: "base64", data: "QUJD" }],
      maxTokens: 5,
      stop: ["\n\n"],
      decoding: { topK: 5 },
      progress: false,
    })
  })

  it.each([
    [{ max_tokens: undefined }, "max_tokens"],
    [{ thinking: { type: "enabled", budget_tokens: 5 } }, "thinking"],
    [{ tools: [{ name: "f" }] }, "tools"],
    [{ messages: [{ role: "system", content: "x" }] }, "messages.0.role"],
    [{ messages: [{ role: "user", content: [{ type: "tool_result" }] }] }, "messages.0.content.0"],
    [
      { messages: [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "x" } }] }] },
      "messages.0.content.0",
    ],
    [{ temperature: 1.5 }, "temperature"],
    [{ output_config: { format: { type: "xml" } } }, "output_config.format"],
    [{ output_config: { format: { type: "json_schema" } } }, "output_config.format"],
    [{ output_config: { formats: {} } }, "output_config.formats"],
    [{ output_format: "json" }, "output_format"],
    [{ output_config: { format: { type: "json_object" } }, output_format: { type: "json_object" } }, "output_format"],
  ])("refuses %j by its key", (changes, param) => {
    const { message: sentence, param: told } = failure(() => message(changes))
    expect(told?.startsWith(param)).toBe(true)
    expect(sentence).toMatch(/\w \S/)
    expect(sentence).not.toMatch(/undefined|\[object|Invalid input/)
  })
})

describe("readCount", () => {
  it("is a request without an answer", () => {
    const body = { model: "m", messages: [{ role: "user", content: "hi" }], tools: [] }
    expect(readCount(body)).toMatchObject({ request: { n: 0, prompt: { messages: body.messages } }, stream: false })
    expect(failure(() => readCount([])).message).toMatch(/must be a JSON object/)
    expect(failure(() => readCount({ ...body, tools: [{ name: "x" }] })).message).toMatch(/^tools are not supported/)
  })

  it.each(["thinking", "redacted_thinking"])("blocks of %s are refused in a sentence", (type) => {
    const messages = [{ role: "assistant", content: [{ type, thinking: "x", signature: "y" }] }]
    expect(failure(() => message({ messages })).message).toMatch(/^thinking is not supported/)
  })
})

describe("readCompletion", () => {
  it("reads one text, with OpenAI's length", () => {
    const asked = readCompletion({ model: "m", prompt: ["Once"], logprobs: 2, echo: false, best_of: 1 })
    expect(asked.request).toMatchObject({ prompt: { text: "Once" }, maxTokens: 16, logProbabilities: 2, n: 1 })
  })

  it("reads forms of answers", () => {
    const format = { type: "regex", pattern: "a+" }
    expect(readCompletion({ model: "m", prompt: "x", response_format: format }).request.decoding.format).toEqual(format)
    expect(readCompletion({ model: "m", prompt: "x" }).request.decoding).toEqual({})
  })

  it.each([
    { response_format: { type: "xml" } },
    { prompt: [] },
    { prompt: [1, 2] },
    { prompt: ["a", "b"] },
    { prompt: "" },
    { echo: true },
    { suffix: "x" },
    { best_of: 3 },
    { messages: [] },
  ])("refuses %j", (changes) => {
    expect(failure(() => readCompletion({ model: "m", prompt: "x", ...changes })).message).toMatch(/\w+/)
  })
})

describe("a request of very many parts", () => {
  /** Their types, of which there are none, and how often somebody looked. */
  const bad = (messages: number, parts: number) => {
    const looked = { times: 0 }
    const part = Object.defineProperty({}, "type", { enumerable: true, get: () => void looked.times++ })
    const body = {
      messages: Array.from({ length: messages }, () => ({
        role: "user",
        content: Array.from({ length: parts }, () => part),
      })),
    }
    return { body, looked }
  }

  it("is refused at once", () => {
    expect(failure(() => chat(bad(2000, 1000).body)).message).toMatch(/more than 16384 lists and objects/)
  })

  it.each([
    ["chat", chat],
    ["messages", message],
  ])("is checked once, and told with the first that is wrong: %s", (_, read) => {
    const { body, looked } = bad(80, 200)
    const { message: sentence, param } = failure(() => read(body))
    // Once where parts are counted, once against the schema.
    expect(looked.times).toBe(2 * 80 * 200)
    expect(sentence).toMatch(/^messages\.0\.content/)
    expect(sentence.length).toBeLessThan(1000)
    expect(param).toMatch(/^messages\.0\.content/)
  })
})
