import { describe, expect, it } from "vitest"
import { refusalOf } from "../../../test/support/refusal.js"
import { readMessages } from "./anthropic-request.js"
import { readChat } from "./openai-chat.js"
import { readCompletion } from "./openai-completions.js"

const chat = (changes: object = {}) => readChat({ model: "m", messages: [{ role: "user", content: "hi" }], ...changes })
const message = (changes: object = {}) =>
  readMessages({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }], ...changes })

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
    const { message, param: told } = refusalOf(() => chat(changes))
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
    expect(refusalOf(() => readCompletion({ model: "m", prompt: "x", ...changes })).message).toMatch(/\w+/)
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
    expect(refusalOf(() => chat(bad(2000, 1000).body)).message).toMatch(/more than 16384 lists and objects/)
  })

  it.each([
    ["chat", chat],
    ["messages", message],
  ])("is checked once, and told with the first that is wrong: %s", (_, read) => {
    const { body, looked } = bad(80, 200)
    const { message: sentence, param } = refusalOf(() => read(body))
    // Once where parts are counted, once against the schema.
    expect(looked.times).toBe(2 * 80 * 200)
    expect(sentence).toMatch(/^messages\.0\.content/)
    expect(sentence.length).toBeLessThan(1000)
    expect(param).toMatch(/^messages\.0\.content/)
  })
})
