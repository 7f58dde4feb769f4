import { describe, expect, it } from "vitest"
import { UserError } from "../../errors.js"
import type { Task } from "../task/task.js"
import { answerText, type CleaningRules, cleaningRules } from "./answer-text.js"
import { generationOf, parseKwargs } from "./generation.js"

const diffusion = { masks: true }
const file = { generation: { max_new_tokens: 16, temperature: 0, top_p: 1 } }

describe("options of generation", () => {
  it("are JSON or pairs, and known", () => {
    const expected = {
      gen_length: 64,
      do_sample: false,
      remasking_strategy: "low_confidence_dynamic",
      temperature: 0.5,
    }
    expect(parseKwargs(JSON.stringify(expected))).toEqual(expected)
    expect(
      parseKwargs("gen_length=64, do_sample=False,remasking_strategy=low_confidence_dynamic,temperature=0.5"),
    ).toEqual(expected)
    for (const [text, fix] of [
      ['{"gen_lenght": 4}', /did you mean gen_length/],
      ['{"gen_length": 4', /gen_length/],
      ["gen_length", /gen_length=128/],
      ["nothing_like_it=1", /there are temperature/],
    ] as const) {
      let thrown: unknown
      try {
        parseKwargs(text)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(UserError)
      expect((thrown as UserError).fix).toMatch(fix)
    }
  })

  it("are the model's own settings, greedy, where nothing is asked for", () => {
    expect(generationOf(file, { paradigm: diffusion })).toEqual({
      given: {},
      effective: { ...file.generation, until: ["\n\n"] },
      decoding: { maxTokens: 128, temperature: 0 },
      stops: [],
    })
    const lengthOf = (generation: Task["generation"], kwargs = {}) =>
      generationOf({ generation }, { kwargs }).decoding.maxTokens
    expect(lengthOf({ max_new_tokens: 512 })).toBe(128)
    expect(lengthOf({ gen_length: 200, max_new_tokens: 512 })).toBe(200)
    expect(lengthOf({ gen_length: 200 }, { max_new_tokens: 32 })).toBe(32)
    expect(lengthOf({ gen_length: 200 }, { max_new_tokens: 32, gen_length: 64 })).toBe(64)
  })

  it("of the command line win over --gen-kwargs, and those over the task", () => {
    const kwargs = { gen_length: 64, steps: 4, temperature: 0.7, top_p: 0.9, stopping_criteria: ["."] }
    const options = { maxTokens: 32, blockSize: 16, seed: undefined, generationConfig: true }
    expect(generationOf(file, { kwargs, options, paradigm: diffusion })).toEqual({
      given: { ...kwargs, gen_length: 32 },
      effective: { ...file.generation, until: ["\n\n"], ...kwargs, gen_length: 32 },
      decoding: { maxTokens: 32, temperature: 0.7, topP: 0.9, steps: 4, blockSize: 16 },
      stops: ["."],
    })
  })

  it("are those of the authors' scripts with compat", () => {
    const scripts = { maxTokens: 128, steps: 8, strategy: "low_confidence_static", temperature: 0 }
    const compat = { compat: true, paradigm: diffusion }
    const how = { generationConfig: false, reference: true }
    expect(generationOf(file, compat).decoding).toEqual({ ...scripts, ...how })
    const dynamic = { kwargs: { remasking_strategy: "low_confidence_dynamic" }, options: { maxTokens: 16 } }
    expect(generationOf(file, { ...compat, ...dynamic }).decoding).toEqual({
      ...{ ...scripts, ...how, maxTokens: 16, strategy: "low_confidence_dynamic", threshold: 0.85 },
    })
    // The baseline's length is max_new_tokens, and its model's own settings hold.
    expect(generationOf(file, { compat: true, paradigm: { masks: false } }).decoding).toEqual({
      maxTokens: 128,
      temperature: 0,
    })
    expect(() => generationOf(file, { ...compat, kwargs: { remasking_strategy: "sequential_dynamic" } })).toThrow(
      UserError,
    )
  })
})

it("an answer is cut as by the wrapper of its model, or kept whole where the task says so", () => {
  const rules = { separator: "<|im_end|>", stops: [], uncut: false }
  const task = { generation: { until: ["Question:"] } }
  const text = (raw: string, task: Parameters<typeof cleaningRules>[0], rules: CleaningRules): string =>
    answerText(raw, cleaningRules(task, rules))
  expect(text(" B.\nbecause", task, rules)).toBe("B")
  expect(text(" B.\nbecause ", task, { ...rules, uncut: true })).toBe("B.\nbecause")
  const reasoning = " 1 + 1 = 2.\nThe answer is 2.\nQuestion: and?"
  expect(text(reasoning, { ...task, whole: true }, rules)).toBe("1 + 1 = 2.\nThe answer is 2.")
  expect(text("3 apples, 4", { generation: {}, whole: true }, { ...rules, stops: [", "] })).toBe("3 apples")
})
