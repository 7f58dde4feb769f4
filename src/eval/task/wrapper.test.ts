/** What the authors' wrappers do around a model: prompts, answers, options, speed. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { anyText } from "../../../test/support/any-text.js"
import { failureOf } from "../../../test/support/failure.js"
import { cleanAnswer, cleanAutoregressiveAnswer } from "./clean.js"
import { argumentNames, authorsOptions, effectiveOptions, samplerOptions } from "./generation-settings.js"
import { tokensPerSecond } from "./speed.js"
import { promptPieces, qwenPrompt, withPlaceholders } from "./wrapper-prompt.js"

const qwen = { separator: "<|im_end|>" }

describe("answers", () => {
  it.each([
    ["A.", "A"],
    ["A..", "A."],
    ["  B \nbecause", "B"],
    ["\nB", ""],
    ["C<|im_end|>D", "C"],
    ["3.\u00a0\x1f", "3"],
    ["\ufeffA", "\ufeffA"],
    ["The dog ASSISTANT: cat", "The dog ASSISTANT: cat"],
    ["", ""],
  ])("%j", (decoded, answer) => {
    expect(cleanAnswer(decoded, qwen)).toBe(answer)
  })

  it("end at further stops in their order", () => {
    expect(cleanAnswer("First. Second; third", { ...qwen, stops: [";", "."] })).toBe("First")
    expect(cleanAnswer("First", { ...qwen, stops: [""] })).toBe("First")
  })

  it("of autoregressive models are stripped alone", () => {
    expect(cleanAutoregressiveAnswer(" a.\nb. ")).toBe("a.\nb.")
  })

  it("have one line, whatever was written", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const cleaned = cleanAnswer(text, qwen)
        expect(cleaned).not.toContain("\n")
        expect(text).toContain(cleaned)
      }),
    )
  })
})

describe("prompts", () => {
  it("have placeholders in front unless they have their own", () => {
    expect(withPlaceholders("What?", 0)).toBe("What?")
    expect(withPlaceholders("See <image 1>", 2)).toBe("<image> <image>\nSee <image 1>")
    expect(withPlaceholders("See <image>", 2)).toBe("See <image>")
    expect(qwenPrompt("Hi", 0)).toMatch(/user\nHi<\|im_end\|>\n<\|im_start\|>assistant\n$/)
  })

  it("pictures meet placeholders in order", () => {
    const pieces = (text: string, pictures: number) => promptPieces(text, pictures)
    expect(pieces("What?", 2)).toEqual([{ picture: 0 }, " ", { picture: 1 }, "\nWhat?"])
    expect(pieces("a<image>b<image>", 2)).toEqual(["a", { picture: 0 }, "b", { picture: 1 }])
    expect(pieces("a<image>", 3)).toEqual(["a", { picture: 0 }])
    expect(pieces("<image><image>", 1)).toEqual([{ picture: 0 }, { picture: 0 }])
    expect(pieces("what is <image>?", 0)).toEqual(["what is <image>?"])
    expect(failureOf(() => pieces("<image><image><image>", 1))).toMatch(/places for 3 pictures, and there are 1/)
  })
})

describe("options of generation", () => {
  it("of the command line replace the task file's", () => {
    expect(effectiveOptions({}, { steps: 4 })).toEqual({ until: ["\n\n"], do_sample: false, steps: 4 })
    expect(effectiveOptions({ max_new_tokens: 16 }, { max_new_tokens: 8 })).toEqual({
      max_new_tokens: 8,
      until: ["\n\n"],
    })
  })

  it("act as in the authors' sampler: max_new_tokens and until do not", () => {
    const file = { max_new_tokens: 512, top_p: 0, until: ["ASSISTANT:"] }
    expect(samplerOptions(effectiveOptions(file))).toEqual({
      ...{ genLength: 2, steps: 2, temperature: 0, remasking: "low_confidence_static", threshold: 0.85, stops: [] },
    })
    expect(samplerOptions(effectiveOptions(file, authorsOptions("mme")))).toMatchObject({ genLength: 128, steps: 8 })
    const dynamic = {
      remasking_strategy: "low_confidence_dynamic",
      confidence_threshold: 0.6,
      gen_steps: 4,
      temperature: 1,
    }
    expect(samplerOptions({ ...dynamic, top_p: 0.9, stopping_criteria: "\n" })).toEqual({
      ...{ genLength: 2, steps: 4, temperature: 1, topP: 0.9, remasking: "low_confidence_dynamic", threshold: 0.6 },
      stops: ["\n"],
    })
  })

  it.each([
    [{ remasking_strategy: "random" }, /remasking_strategy: there is no "random"/],
    [{ gen_length: "128" }, /gen_length: "128" is no number/],
    [{ stopping_criteria: [1] }, /stopping_criteria/],
  ])("%j is refused", (options, sentence) => {
    expect(failureOf(() => samplerOptions(options))).toMatch(sentence)
  })

  it("are listed by name as in samples' files", () => {
    const names = argumentNames(
      effectiveOptions({ until: ["x"], image_aspect_ratio: "original" }, { stopping_criteria: ["\n"] }),
    )
    expect(names.join(" ")).toBe(
      "stopping_criteria temperature gen_length steps cfg remasking block_length image_grid_thws image_sizes tokenizer",
    )
  })
})

it("speed is that of all processes, and of one", () => {
  expect(tokensPerSecond({ tokens: 1000, seconds: 50 })).toEqual({ total: 20, perProcess: 20 })
  expect(tokensPerSecond({ tokens: 1000, seconds: 50, processes: 4 })).toEqual({ total: 20, perProcess: 5 })
  expect(tokensPerSecond({ tokens: 0, seconds: 0 })).toEqual({ total: 0, perProcess: 0 })
  expect(failureOf(() => tokensPerSecond({ tokens: 1, seconds: 1, processes: 0 }))).toMatch(/0 processes/)
})
