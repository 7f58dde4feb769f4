/** Scores of answers take what is known of a prompt's beginning, and keep it for others. */

import { beforeAll, describe, expect, it } from "vitest"
import { ask, counting, type How, NOTHING_KEPT } from "../../test/support/asking.js"
import { valuesOf } from "../../test/support/likelihoods.js"
import { promptOf, tinyModel } from "../../test/support/tiny-model.js"
import type { LanguageModel } from "../models/types.js"
import { autoregressiveLikelihoods } from "../paradigms/autoregressive/likelihood.js"
import { blockLikelihoods } from "../paradigms/block-diffusion/likelihood.js"
import type { Prompt } from "../paradigms/prompt.js"
import { Executor } from "./executor.js"

let model: LanguageModel
beforeAll(() => {
  model = tinyModel(4)
})

describe("scores", () => {
  const answers = [Int32Array.of(9, 30, 1), Int32Array.of(12, 1), Int32Array.of(9, 31, 14, 15, 16, 1)]
  it.each([
    { blockSize: 0, known: 20 },
    { blockSize: 4, known: 20 },
    { blockSize: 4, shift: "next", known: 20 },
    { blockSize: 4, shift: "next", tokens: 20, known: 16 },
    { blockSize: 4, context: "causal", known: 20 },
    { blockSize: 4, context: "causal", shift: "next", tokens: 20, known: 19 },
  ] as const)("of answers are what they are without, and answers begin with their prompts: %j", async (one) => {
    const {
      blockSize,
      known,
      tokens = 21,
      shift,
      context,
    } = { shift: undefined, context: undefined, ...one } as How & typeof one & { tokens?: number }
    const counted = counting(model)
    const executor = new Executor(counted.model)
    const prompt = promptOf(tokens, 3)
    const score = (about: Prompt, executor = new Executor(model, NOTHING_KEPT)): Promise<number[]> => {
      const length = about.ids.length
      const plan =
        blockSize === 0
          ? autoregressiveLikelihoods(length, answers)
          : blockLikelihoods(length, answers, { blockSize, shift, context, maskToken: 6 })
      return valuesOf(model, about, plan, executor)
    }
    const close = (some: number[], others: number[]): void => {
      for (const [i, value] of some.entries()) expect(value).toBeCloseTo(others[i], 5)
    }
    const apart = await score(prompt)
    close(await score(prompt, executor), apart)
    close(await score(prompt, executor), apart)
    expect(counted.rows[0] - counted.rows[1]).toBe(known)
    const { ids, stats } = await ask(executor, prompt, { blockSize, shift, context })
    expect(stats.cachedTokens).toBe(known - (known % Math.max(1, blockSize)))
    const said = Int32Array.from([...prompt.ids, ...ids])
    const next = { ...prompt, ids: said }
    counted.rows.length = 0
    close(await score(next, executor), await score(next))
    await score({ ...next, features: [prompt.features![0].clone().mul_(2)] }, executor)
    expect(counted.rows[1] - counted.rows[0]).toBeGreaterThanOrEqual(20)
    executor.dispose()
  })
})
