/** What generation_config.json does to logits, against transformers' own processors and warpers; and where settings come from. */

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { type GenerationConfig, normaliseGeneration } from "../checkpoint/generation-config.js"
import { processLogits } from "../paradigms/autoregressive/logits-processors.js"
import { autoregressive } from "../paradigms/autoregressive/paradigm.js"
import type { AutoregressiveSettings } from "../paradigms/autoregressive/settings.js"
import { warpLogits } from "../paradigms/autoregressive/warpers.js"
import { blockDiffusion } from "../paradigms/block-diffusion/paradigm.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import { noGrad, tensor } from "../torch/index.js"
import { type ResolvedDecoding, resolveDecoding } from "./decoding.js"
import type { Session } from "./session.js"

const EOS = [3, 8]

const sessionWith = (generation: GenerationConfig, more: object = {}): Session =>
  ({
    paradigm: autoregressive,
    folder: "/model",
    eos: EOS,
    generation,
    config: {
      text: { maxPositions: 64, vocabSize: 12 },
      tokens: { imagePad: 11, mask: 10 },
      paradigm: { name: "autoregressive", options: {} },
    },
    ...more,
  }) as unknown as Session

function resolve(json: object, options: DecodingOptions = {}, promptRows = 5): ResolvedDecoding {
  return resolveDecoding(
    sessionWith(normaliseGeneration(json as Record<string, unknown>, "/model/generation_config.json")),
    options,
    promptRows,
  )
}

describe("as transformers", () => {
  const golden = JSON.parse(
    readFileSync(new URL("../../test/fixtures/generation/logits-processors.json", import.meta.url), "utf8"),
  ) as {
    logits: number[][]
    cases: { name: string; options: object; ids: number[]; prompt: number; rows: (number | null)[][] }[]
  }

  it.each(golden.cases)("$name", ({ options, ids, prompt, rows }) => {
    const decoding = resolve(options, {}, prompt)
    const settings = decoding.settings as AutoregressiveSettings
    const state = { ids, promptLength: prompt, genLength: settings.genLength, eos: EOS }
    const logits = tensor(golden.logits.flat(), [golden.logits.length, golden.logits[0].length])
    const scores = noGrad(() => {
      const processed = processLogits(logits, settings, state)
      return settings.temperature ? warpLogits(processed, settings) : processed
    })
    const ours = scores.toNumbers()
    expect(ours.length).toBe(rows.flat().length)
    for (const [i, expected] of rows.flat().entries()) {
      if (expected === null) expect(ours[i], `logit ${i}`).toBe(Number.NEGATIVE_INFINITY)
      else expect(ours[i], `logit ${i}`).toBeCloseTo(expected, 4)
    }
  })
})

describe("tokens without a logit", () => {
  it("are told and left out", () => {
    const json = { suppress_tokens: [5_000_000], begin_suppress_tokens: [2, 12], eos_token_id: [3, 99] }
    const decoding = resolve(json)
    expect(decoding.report.applied).not.toHaveProperty("suppressTokens")
    expect(decoding.settings).toMatchObject({ suppressTokens: undefined, beginSuppressTokens: [2] })
    const why = "the model's vocabulary of 12 has no such token"
    expect(decoding.report.notApplied).toEqual([
      { key: "eos_token_id", value: "[99]", from: "generation_config.json", why },
      { key: "suppress_tokens", value: "[5000000]", from: "generation_config.json", why },
      { key: "begin_suppress_tokens", value: "[12]", from: "generation_config.json", why },
    ])
  })
})

describe("where settings come from", () => {
  const applied = (json: object, options: DecodingOptions = {}, promptRows = 5) => {
    const { settings, report } = resolve(json, options, promptRows)
    return {
      settings: settings as unknown as Record<string, unknown>,
      applied: report.applied,
      left: report.notApplied,
    }
  }

  it("nothing is asked for: greedy, 128 tokens", () => {
    const { settings, applied: all, left } = applied({}, {}, 0)
    expect(settings).toMatchObject({ temperature: 0, genLength: 128, repetitionPenalty: 1, eos: EOS })
    expect(all).toEqual({
      maxTokens: { value: 128, from: "default" },
      temperature: { value: 0, from: "default" },
    })
    expect(left).toEqual([])
  })

  it("the model's file, and an option that wins over it", () => {
    const json = { repetition_penalty: 1.05, do_sample: true, temperature: 0.5, top_p: 0.8, no_repeat_ngram_size: 3 }
    expect(applied(json).settings).toMatchObject({ temperature: 0.5, topK: 50, topP: 0.8, repetitionPenalty: 1.05 })
    expect(applied(json).applied).toMatchObject({
      repetitionPenalty: { value: 1.05, from: "generation_config.json" },
      temperature: { value: 0.5, from: "generation_config.json" },
      topK: { value: 50, from: "default" },
    })
    const options = { repetitionPenalty: 1, topP: 1, topK: 0, noRepeatNgramSize: 0, temperature: 0.9 }
    const asked = applied(json, options)
    expect(asked.settings).toMatchObject(options)
    for (const [name, value] of Object.entries(options)) expect(asked.applied[name]).toEqual({ value, from: "option" })
  })

  it("temperature 0 is greedy whatever the file says, and then nothing of sampling applies", () => {
    const json = { do_sample: true, temperature: 0.5, top_k: 3, repetition_penalty: 1.2 }
    const { settings, left } = applied(json, { temperature: 0, minP: 0.2 })
    expect(settings).toMatchObject({ temperature: 0, repetitionPenalty: 1.2 })
    expect(settings.topK).toBeUndefined()
    expect(left.map(({ key, from }) => [key, from])).toEqual([
      ["top_k", "generation_config.json"],
      ["minP", "option"],
      ["temperature", "generation_config.json"],
    ])
  })

  it("without do_sample the file's sampling settings do nothing, until a temperature is asked for", () => {
    const json = { do_sample: false, temperature: 1e-6, top_k: 3 }
    expect(applied(json).settings).toMatchObject({ temperature: 0 })
    expect(applied(json, { temperature: 0.7 }).settings).toMatchObject({ temperature: 0.7, topK: 3 })
    expect(applied({ top_k: 3 }, { generationConfig: false, temperature: 0.7 }).settings).toMatchObject({ topK: 50 })
  })

  it.each<[object, DecodingOptions]>([
    [{ do_sample: false, temperature: 0 }, {}],
    [{ temperature: 1, top_k: 50, top_p: 1, typical_p: 1, epsilon_cutoff: 0 }, {}],
    [{ do_sample: false, top_k: 1 }, { temperature: 0 }],
    [
      { do_sample: true, top_k: 0 },
      { temperature: 0, topK: 0, topP: 1, minP: 0 },
    ],
  ])("what changes nothing is not told as left out: %j, %j", (json, options) => {
    expect(applied(json, options).left).toEqual([])
    const generation = normaliseGeneration({ ...json, do_sample: false }, "/model/generation_config.json")
    const { minP: _, ...known } = options
    const diffusion = sessionWith(generation, { paradigm: blockDiffusion })
    expect(resolveDecoding(diffusion, known, 5).report.notApplied).toEqual([])
  })

  it("the seed is told where tokens are drawn, and as left out where it was asked for in vain", () => {
    expect(applied({}, { temperature: 1, seed: 4 }).applied.seed).toEqual({ value: 4, from: "option" })
    expect(applied({ do_sample: true }).applied.seed).toEqual({ value: 0, from: "default" })
    expect(applied({}, { seed: 4 }).left).toMatchObject([{ key: "seed", value: "4", from: "option" }])
    const diffusion = sessionWith(normaliseGeneration({}, ""), { paradigm: blockDiffusion })
    expect(resolveDecoding(diffusion, { temperature: 1 }, 5).report.applied.seed).toMatchObject({ value: 0 })
    expect(resolveDecoding(diffusion, { seed: 4 }, 5).report.notApplied).toMatchObject([{ key: "seed" }])
  })

  it("lengths: new tokens win over total ones, and a file's stay within the positions", () => {
    expect(applied({ max_new_tokens: 7, max_length: 30 }).settings.genLength).toBe(7)
    expect(applied({ max_length: 30, min_length: 9 }).settings).toMatchObject({ genLength: 25, minTokens: 4 })
    expect(applied({ min_new_tokens: 2, min_length: 50 }).settings).toMatchObject({ minTokens: 2 })
    expect(applied({ max_new_tokens: 4096 }).settings.genLength).toBe(64 - 5)
    expect(applied({ max_new_tokens: 7 }, { maxTokens: 9 }).settings.genLength).toBe(9)
    expect(() => resolve({ max_length: 5 })).toThrow("max_length 5 leaves no room behind the prompt of 5 tokens")
    expect(applied({ max_length: 5 }, { maxTokens: 3 }).settings.genLength).toBe(3)
  })

  it("drawing at temperature 0 is refused with the file's name", () => {
    expect(() => resolve({ do_sample: true, temperature: 0 })).toThrow("temperature: with do_sample it must be above 0")
    expect(applied({ do_sample: true, temperature: 0 }, { temperature: 0 }).settings.temperature).toBe(0)
  })

  it("what transformers would do otherwise is said", () => {
    expect(applied({ num_beams: 3 }).left).toMatchObject([{ key: "num_beams", value: "3", differs: true }])
  })

  it("block diffusion reads none of it, and says so", () => {
    const generation = normaliseGeneration(
      { do_sample: true, temperature: 0.7, top_k: 50, repetition_penalty: 1.05, confidence_threshold: 0.5 },
      "/model/generation_config.json",
    )
    const session = sessionWith(generation, { paradigm: blockDiffusion })
    const { settings, report } = resolveDecoding(session, { topP: 0.5 }, 5)
    expect(settings).toMatchObject({ temperature: 0, blockSize: 8 })
    expect(report.notApplied.map(({ key }) => key)).toEqual(["do_sample", "temperature", "repetition_penalty", "topP"])
    expect(report.notApplied.every(({ differs }) => differs === undefined)).toBe(true)
  })

  it("block diffusion tells of its own settings in the file that an option puts aside", () => {
    const json = { remasking_strategy: "sequential_dynamic", confidence_threshold: 0.5 }
    const generation = normaliseGeneration(json, "/model/generation_config.json")
    const session = sessionWith(generation, { paradigm: blockDiffusion })
    const left = (options: DecodingOptions) => resolveDecoding(session, options, 5).report.notApplied
    expect(left({})).toEqual([])
    expect(left({ threshold: 0.9 })).toEqual([])
    expect(left({ steps: 4 })).toMatchObject([
      { key: "remasking_strategy", why: expect.stringContaining("steps are asked for") },
      { key: "confidence_threshold", value: "0.5" },
    ])
    expect(left({ strategy: "low_confidence_static" })).toMatchObject([{ key: "confidence_threshold" }])
  })
})
