import { describe, expect, it } from "vitest"
import { ApiError, internalError } from "../api-error.js"
import type { AnswerEvent } from "../request.js"
import { messageWriter } from "./anthropic-answer.js"
import { errorBody } from "./errors.js"
import { chatWriter, completionWriter, type OpenAiOptions } from "./openai-answer.js"

const identity = { id: "id", created: 7, model: "m" }
const statistics = { tokens: 3, forwards: 2, milliseconds: 500, cachedTokens: 8 }
const log = (token: string) => ({ token, logProbability: -0.5, top: [{ token, logProbability: -0.5 }] })
const EVENTS: AnswerEvent[] = [
  { type: "started", promptTokens: 10, maxTokens: 20 },
  { type: "text", index: 0, text: "Hé", tokens: [log("H"), log("é")] },
  { type: "draft", index: 0, block: 0, step: 0, start: 0, end: 2, tokens: [] },
  { type: "commit", index: 0, start: 0, end: 2, text: "Hé", tokens: [] },
  { type: "text", index: 0, text: "!", tokens: [log("!")] },
  { type: "finished", index: 0, reason: "stop", stop: "\n", statistics },
]

const openAi = (changes: Partial<OpenAiOptions> = {}) => ({ ...identity, n: 1, usage: true, logs: false, ...changes })

describe("chat completions", () => {
  it("whole", () => {
    const writer = chatWriter(openAi({ logs: true }))
    for (const event of EVENTS) writer.take(event)
    const content = ["H", "é", "!"].map((token) => {
      const bytes = [...new TextEncoder().encode(token)]
      return { token, logprob: -0.5, bytes, top_logprobs: [{ token, logprob: -0.5, bytes }] }
    })
    expect(writer.whole()).toEqual({
      id: "id",
      object: "chat.completion",
      created: 7,
      model: "m",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hé!", refusal: null },
          logprobs: { content, refusal: null },
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 3,
        total_tokens: 13,
        prompt_tokens_details: { cached_tokens: 8 },
        diffusion: { forwards: 2, nfe_per_token: 0.666667, tokens_per_second: 6, milliseconds: 500 },
      },
    })
  })

  it("in chunks: role, text, named events between, reason, usage, the end", () => {
    const writer = chatWriter(openAi())
    const sent = [...EVENTS.flatMap((event) => writer.take(event)), ...writer.end()]
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      data: {
        id: "id",
        object: "chat.completion.chunk",
        created: 7,
        model: "m",
        choices: [{ index: 0, delta, logprobs: null, finish_reason }],
        usage: null,
      },
    })
    expect(sent.slice(0, -2)).toEqual([
      chunk({ role: "assistant", content: "" }),
      chunk({ content: "Hé" }),
      { event: "draft", data: { index: 0, block: 0, step: 0, start: 0, end: 2, tokens: [] } },
      { event: "commit", data: { index: 0, start: 0, end: 2, text: "Hé", tokens: [] } },
      chunk({ content: "!" }),
      chunk({}, "stop"),
    ])
    expect(sent.at(-2)!.data).toMatchObject({ choices: [], usage: { total_tokens: 13 } })
    expect(sent.at(-1)).toEqual({ data: "[DONE]" })
  })

  it("of several answers adds what they took, and does not tell it when nobody asked", () => {
    const writer = chatWriter(openAi({ n: 2, usage: false }))
    const events = [...EVENTS, ...EVENTS.slice(1).map((event) => ({ ...event, index: 1 }) as AnswerEvent)]
    const sent = [...events.flatMap((event) => writer.take(event)), ...writer.end()]
    expect(sent.at(-2)!.data).not.toHaveProperty("usage")
    expect(writer.whole()).toMatchObject({
      usage: { prompt_tokens: 10, completion_tokens: 6 },
      choices: [{ index: 0 }, { index: 1, message: { content: "Hé!" } }],
    })
  })
})

it("completions tell where each token of the text begins, in chunks too", () => {
  const writer = completionWriter(openAi({ logs: true }))
  const sent = EVENTS.flatMap((event) => writer.take(event)).filter(({ event }) => event === undefined)
  expect(
    sent.map(
      ({ data }) => (data as { choices: { text: string; logprobs: { text_offset: number[] } | null }[] }).choices[0],
    ),
  ).toMatchObject([
    {
      text: "Hé",
      logprobs: {
        tokens: ["H", "é"],
        text_offset: [0, 1],
        token_logprobs: [-0.5, -0.5],
        top_logprobs: [{ H: -0.5 }, { é: -0.5 }],
      },
    },
    { text: "!", logprobs: { text_offset: [2] } },
    { text: "", finish_reason: "stop" },
  ])
  expect(writer.whole()).toMatchObject({
    object: "text_completion",
    choices: [{ text: "Hé!", finish_reason: "stop", logprobs: { text_offset: [0, 1, 2] } }],
  })
})

it("messages: every event in its place with its members", () => {
  const writer = messageWriter(identity)
  const sent = [...EVENTS.flatMap((event) => writer.take(event)), ...writer.end()]
  const usage = { cache_creation_input_tokens: 0, cache_read_input_tokens: 8, input_tokens: 2, output_tokens: 3 }
  const message = { id: "id", type: "message", role: "assistant", model: "m" }
  const none = { input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 }
  expect(sent.map(({ data }) => data)).toEqual([
    {
      type: "message_start",
      message: { ...message, content: [], stop_reason: null, stop_sequence: null, usage: none },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "ping" },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hé" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "!" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "stop_sequence", stop_sequence: "\n" }, usage },
    { type: "message_stop" },
  ])
  for (const { event, data } of sent) expect(event).toBe((data as { type: string }).type)
  expect(writer.whole()).toMatchObject({
    content: [{ type: "text", text: "Hé!" }],
    stop_reason: "stop_sequence",
    stop_sequence: "\n",
    usage,
  })
})

it("errors have the form of their protocol, and tell nothing of what went wrong inside", () => {
  const busy = new ApiError(429, "too many", { code: "rate_limit_exceeded", retryAfter: 1 })
  expect(errorBody("openai", busy, "r")).toEqual({
    error: { message: "too many", type: "rate_limit_error", param: null, code: "rate_limit_exceeded" },
  })
  expect(errorBody("anthropic", busy, "r")).toEqual({
    type: "error",
    error: { type: "rate_limit_error", message: "too many" },
    request_id: "r",
  })
  const inside = internalError(new Error("/home/somebody/weights"))
  for (const protocol of ["openai", "anthropic"] as const)
    expect(JSON.stringify(errorBody(protocol, inside, "r"))).not.toContain("somebody")
})
