/** What generation_config.json does to logits, against transformers' own processors and warpers; and where settings come from. */

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { type GenerationConfig, normaliseGeneration } from "../checkpoint/generation-config.js"
import { processLogits } from "../paradigms/autoregressive/logits-processors.js"
import { warpLogits } from "../paradigms/autoregressive/warpers.js"
import { noGrad, tensor } from "../torch/index.js"
import { type ResolvedDecoding, resolveDecoding } from "./decoding.js"
import type { DecodingOptions } from "./options.js"
import type { Session } from "./session.js"

const EOS = [3, 8]

const sessionWith = (generation: GenerationConfig, more: object = {}): Session =>
  ({
    paradigm: "autoregressive",
    folder: "/model",
    eos: EOS,
    generation,
    config: { text: { maxPositions: 64, vocabSize: 12 }, tokens: { imagePad: 11, mask: 10 } },
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
    if (decoding.paradigm !== "autoregressive") throw new Error("the wrong paradigm")
    const { settings } = decoding
    const state = { ids, promptLength: prompt, genLength: settings.genLength, eos: EOS }
    const logits = tensor(golden.logits.flat(), [golden.logits.length, golden.logits[0].length])
    const scores = noGrad(() => {
      const processed = processLogits(logits, settings, state)
      return settings.temperature ? warpLogits(processed, settings) : processed
    })
    const ours = scores.toNumbers()
    for (const [i, expected] of rows.flat().entries()) {
      if (expected === null) expect(ours[i], `logit ${i}`).toBe(Number.NEGATIVE_INFINITY)
      else expect(ours[i], `logit ${i}`).toBeCloseTo(expected, 4)
    }
  })
})
