import { describe, expect, it } from "vitest"
import { refusalOf } from "../../../test/support/refusal.js"
import { readCount, readMessages } from "./anthropic-request.js"

const message = (changes: object = {}) =>
  readMessages({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }], ...changes })

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
    const { message: sentence, param: told } = refusalOf(() => message(changes))
    expect(told?.startsWith(param)).toBe(true)
    expect(sentence).toMatch(/\w \S/)
    expect(sentence).not.toMatch(/undefined|\[object|Invalid input/)
  })
})

describe("readCount", () => {
  it("is a request without an answer", () => {
    const body = { model: "m", messages: [{ role: "user", content: "hi" }], tools: [] }
    expect(readCount(body)).toMatchObject({ request: { n: 0, prompt: { messages: body.messages } }, stream: false })
    expect(refusalOf(() => readCount([])).message).toMatch(/must be a JSON object/)
    expect(refusalOf(() => readCount({ ...body, tools: [{ name: "x" }] })).message).toMatch(/^tools are not supported/)
  })

  it.each(["thinking", "redacted_thinking"])("blocks of %s are refused in a sentence", (type) => {
    const messages = [{ role: "assistant", content: [{ type, thinking: "x", signature: "y" }] }]
    expect(refusalOf(() => message({ messages })).message).toMatch(/^thinking is not supported/)
  })
})
