/** Every answer that was asked for in a format has it: of random models, in every paradigm and order, against independent judges. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { trainTokenizer, writeTokenizer } from "../examples/emoji/bpe.js"
import { answerFormat } from "../src/cli/answer/answer-format.js"
import { UserError } from "../src/errors.js"
import { decode, generate, generateText } from "../src/generate/generate.js"
import { loadSession, type Session } from "../src/generate/session.js"
import type { AnswerFormat } from "../src/grammar/format.js"
import { normaliseConfig } from "../src/models/read-config.js"
import { initialiseWeights } from "../src/models/registry.js"
import { saveModel } from "../src/models/save.js"
import type { DecodeDone, StepEvent } from "../src/paradigms/decode-events.js"
import type { DecodingOptions } from "../src/paradigms/decoding-options.js"
import { paradigmNamed } from "../src/paradigms/registry.js"
import { asParadigm } from "../src/paradigms/translate.js"
import { Tokenizer } from "../src/text/tokenizer/tokenizer.js"
import { setThreads } from "../src/torch/index.js"
import { judge, schemas, withDefinitions } from "./support/random-schemas.js"
import { SMALL_FAMILIES } from "./support/small-families.js"

const root = mkdtempSync(join(tmpdir(), "structured-"))
const sessions: Record<string, Session> = {}
const tokenizer = trainTokenizer(
  [
    '{"name": "a", "value": 12, "next": null}',
    '[true, false, [1.5, "größe"]] {"a": "x"}, {"b": ["y"]}',
    "😀 2024-02-29T10:00:00Z",
  ],
  330,
)

beforeAll(async () => {
  setThreads(1)
  const { ids, rows } = tokenizer
  const config = normaliseConfig({
    ...SMALL_FAMILIES.llama,
    vocab_size: rows,
    mask_token_id: ids.mask,
    eos_token_id: ids["<|im_end|>"],
    max_position_embeddings: 256,
  })
  const parameters = initialiseWeights(config, 11, { std: 0.5, embeddingStd: 1 })
  const records = { autoregressive: {}, "block-diffusion": { block_size: 4 }, "full-diffusion": {} }
  for (const [name, own] of Object.entries(records)) {
    const paradigm = paradigmNamed(name)
    const recorded = { ...paradigm.record(paradigm.recipe.parse({})), ...own }
    await saveModel(join(root, name), { config: asParadigm(config, paradigm, { recorded }), parameters })
    await writeTokenizer(join(root, name), tokenizer)
    sessions[name] = loadSession(join(root, name), { dtype: "float32", device: "cpu" })
  }
})
afterAll(() => rmSync(root, { recursive: true }))

/** A way of decoding; full diffusion wants whole blocks. */
interface Way {
  paradigm: string
  options: DecodingOptions
  multiple?: number
}
const ar = (options: DecodingOptions): Way => ({ paradigm: "autoregressive", options })
const block = (options: DecodingOptions): Way => ({ paradigm: "block-diffusion", options })
const full = (options: DecodingOptions, multiple = 1): Way => ({ paradigm: "full-diffusion", options, multiple })
const WAYS: readonly Way[] = [
  ar({}),
  ar({ temperature: 1, seed: 3 }),
  ar({ temperature: 2, topK: 8, topP: 0.9, minP: 0.01, seed: 4 }),
  ar({ repetitionPenalty: 1.3, minTokens: 5 }),
  block({}),
  block({ blockSize: 1 }),
  block({ blockSize: 3, steps: 2 }),
  block({ blockSize: 8, steps: 1 }),
  block({ blockSize: 16, steps: 8, temperature: 1, topK: 20, topP: 0.9 }),
  block({ blockSize: 128, steps: 16 }),
  block({ threshold: 0.3 }),
  block({ strategy: "sequential_dynamic", threshold: 0.4, blockSize: 6 }),
  block({ temperature: 0.7, threshold: 0.2, seed: 5 }),
  block({ shift: "next" }),
  block({ dropCache: true }),
  block({ reference: true, blockSize: 5 }),
  full({}),
  full({ blockSize: 8, steps: 4 }, 8),
  full({ strategy: "random", temperature: 1 }),
  full({ threshold: 0.8, guidance: 1 }),
  full({ blockSize: 4, prefixRefresh: 2, reference: true, temperature: 0.5 }, 4),
]

async function answerOf(
  way: Way,
  format: AnswerFormat,
  asked: number,
): Promise<{ text: string; done: DecodeDone; steps: StepEvent[] }> {
  const { paradigm, options, multiple = 1 } = way
  const session = sessions[paradigm]
  const prompt = { ids: Int32Array.from(session.tokenizer.encode("give me JSON")) }
  const maxTokens = Math.ceil(asked / multiple) * multiple
  const steps: StepEvent[] = []
  for await (const event of decode(session, prompt, { ...options, maxTokens, format }))
    if (event.type === "done") {
      expect(event.ids.length).toBeLessThanOrEqual(maxTokens)
      return {
        text: session.tokenizer.decode(event.ids.slice(0, event.eosIndex), { skipSpecial: false }),
        done: event,
        steps,
      }
    } else if (event.type === "step") steps.push(event)
  throw new Error("no answer")
}

/** A schema that cannot be followed, that no value satisfies, or whose values are too long for the tokens that there are. */
const isRefusal = (error: unknown): boolean =>
  error instanceof UserError &&
  (error.where?.startsWith("schema ") ||
    /no answer can have this format|the shortest answer of this format/.test(error.message))

describe.each(WAYS)("$paradigm $options", (way) => {
  it("answers are what their schemas ask for", { timeout: 300_000 }, async () => {
    let answers = 0
    await fc.assert(
      fc.asyncProperty(schemas, fc.integer({ min: 1, max: 60 }), async (own, maxTokens) => {
        const schema = withDefinitions(own)
        let text: string
        try {
          ;({ text } = await answerOf(way, { type: "json_schema", schema }, maxTokens))
        } catch (error) {
          if (isRefusal(error)) return
          throw error
        }
        answers++
        expect(judge(schema)(JSON.parse(text)), `${text} for ${JSON.stringify(schema)}`).toBe(true)
      }),
      { numRuns: 8, seed: 7 },
    )
    expect(answers).toBeGreaterThan(2)
  })

  it("answers are what their patterns match", { timeout: 300_000 }, async () => {
    const patterns = [
      "[a-z]{3,20}",
      "(yes|no|perhaps)",
      "\\d{4}-\\d\\d( \\p{L}+)?",
      "(ab|a)*c{2}",
      "[^a]{0,9}é+",
      '("[^"]*", )*end',
    ]
    for (const [i, pattern] of patterns.entries()) {
      const { text } = await answerOf(way, { type: "regex", pattern }, 9 + 5 * i)
      expect(text).toMatch(new RegExp(`^(?:${pattern})$`, "u"))
    }
  })

  it("any JSON object is closed within the tokens that there are", { timeout: 300_000 }, async () => {
    for (const maxTokens of [2, 3, 7, 24]) {
      const { text } = await answerOf(way, { type: "json_object" }, maxTokens)
      expect(JSON.parse(text)).toBeTypeOf("object")
      expect(text[0]).toBe("{")
    }
  })
})

describe("what cannot be", () => {
  const schema = { type: "object", properties: { name: { const: "a rather long name" } }, required: ["name"] }
  it.each(["autoregressive", "block-diffusion", "full-diffusion"])(
    "%s: an answer that is too long is refused at once",
    async (paradigm) => {
      const format: AnswerFormat = { type: "json_schema", schema }
      const refusal = answerOf({ paradigm, options: {} }, format, 5)
      await expect(refusal).rejects.toThrow(
        /the shortest answer of this format takes \d+ tokens, and 5 may be generated/,
      )
      const [, needed] = /takes (\d+) tokens/.exec((await refusal.catch(String)) as string)!
      const { text } = await answerOf({ paradigm, options: {} }, format, Number(needed))
      expect(JSON.parse(text)).toEqual({ name: "a rather long name" })
    },
  )

  it("a format is looked at before pictures and prompts are", async () => {
    const request = { messages: [], format: { type: "regex", pattern: "(?=a)" } as const }
    await expect(generateText(sessions.autoregressive, request)).rejects.toThrow("lookarounds")
  })

  it("full diffusion ends an answer in one way", async () => {
    const options = { stop: ["x"], format: { type: "json_object" } as const, messages: [] }
    await expect(generateText(sessions["full-diffusion"], options)).rejects.toThrow("ends where the format does")
  })

  it("paradigms that know no formats, models that cannot end, tokens that are no pieces of text", () => {
    const session = sessions.autoregressive
    const settings = (...given: Parameters<typeof session.paradigm.settings>) => {
      const { constraint: _, ...others } = session.paradigm.settings(...given)
      return others
    }
    const asked = (changed: object) => () =>
      decode({ ...session, ...changed }, { ids: Int32Array.of(1) }, { format: { type: "json_object" } })
    const words = new Tokenizer({ model: { type: "BPE", vocab: { a: 0 }, merges: [] } }, {})
    expect(asked({ paradigm: { ...session.paradigm, settings } })).toThrow("cannot be held to a format")
    expect(asked({ eos: [] })).toThrow("no token that ends an answer")
    expect(asked({ tokenizer: words })).toThrow("no fixed pieces of text")
  })

  it("the command line takes one format", () => {
    expect(answerFormat({})).toBeUndefined()
    expect(answerFormat({ regex: "a" })).toEqual({ type: "regex", pattern: "a" })
    expect(answerFormat({ jsonObject: true })).toEqual({ type: "json_object" })
    const file = join(root, "schema.json")
    writeFileSync(file, JSON.stringify(schema))
    expect(answerFormat({ jsonSchema: file })).toEqual({ type: "json_schema", schema })
    expect(() => answerFormat({ jsonSchema: file, regex: "a" })).toThrow("one format")
    expect(() => answerFormat({ jsonSchema: join(root, "none.json") })).toThrow("cannot be read")
  })
})

describe("beside others", () => {
  it.each(["autoregressive", "block-diffusion", "full-diffusion"])(
    "%s: each answer is the one that it is alone",
    async (paradigm) => {
      const session = sessions[paradigm]
      const formats: (AnswerFormat | undefined)[] = [
        { type: "json_object" },
        undefined,
        { type: "regex", pattern: "[a-z]{5,12}" },
        { type: "json_schema", schema: { type: "array", items: { type: "integer" } } },
      ]
      const requests = formats.map((format) => ({
        messages: [{ role: "user" as const, content: "say it" }],
        maxTokens: 16,
        format,
      }))
      const alone: string[] = []
      for (const request of requests) alone.push((await generateText(session, request)).text)
      const together: string[] = []
      for await (const event of generate(session, requests))
        if (event.type === "done") together[event.request] = event.text
      expect(together).toEqual(alone)
      expect(JSON.parse(together[0])).toBeTypeOf("object")
    },
  )

  it("the report tells of the format, and of rules that it puts aside", async () => {
    const request = { messages: [{ role: "user" as const, content: "say it" }], maxTokens: 9, minTokens: 4 }
    const { decoding, text } = await generateText(sessions.autoregressive, {
      ...request,
      format: { type: "regex", pattern: "a?" },
    })
    expect(text.length).toBeLessThan(2)
    expect(decoding.applied.format).toEqual({ value: "regex", from: "option" })
    expect(decoding.notApplied).toMatchObject([{ key: "minTokens", why: "the format says where the answer ends" }])
    expect((await generateText(sessions.autoregressive, request)).decoding.applied.minTokens?.value).toBe(4)
  })
})
