import { describe, expect, it } from "vitest"
import { counting } from "../../../test/support/asking.js"
import { valuesOf } from "../../../test/support/likelihoods.js"
import { promptPositions } from "../../../test/support/prompt-positions.js"
import { EOS, MASK, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { mropePositions } from "../../models/decoder/mrope-positions.js"
import { bidirectional } from "../../nn/attention-pattern.js"
import { Generator, noGrad, randn } from "../../torch/index.js"
import { embedPrompt, type Prompt } from "../prompt.js"
import { type FullLikelihoodOptions, fullDiffusionLikelihoods } from "./likelihood.js"

const model = tinyModel(9)
const features = [randn([4, 16], { generator: new Generator(1), dtype: "float64" })]
const positions = mropePositions([8, -200, 9, 10, 11], [[1, 4, 4]], 2)
const withPicture: Prompt = { ids: Int32Array.of(8, -200, -200, -200, -200, 9, 10, 11), features, positions }
const text: Prompt = { ids: Int32Array.of(8, 9, 10, 11, 12, 13) }
const answers = [[12, EOS], [13, 14, 15, 16, 17, 18, EOS], [12, 19, EOS], [20], []].map((ids) => Int32Array.from(ids))

/** log p of all tokens at the positions of an answer, [tokens][V], from one forward over the sequence as it stands. */
function logProbabilities(prompt: Prompt, shown: readonly number[], shift: "same" | "next"): number[][] {
  return noGrad(() => {
    const count = prompt.ids.length + shown.length
    const ids = Int32Array.of(...prompt.ids, ...shown)
    const hidden = model.forward({
      embeddings: embedPrompt(model, { ids, features: prompt.features }).unsqueeze(0),
      positions: promptPositions(prompt, 0, count, "cpu"),
      patterns: [bidirectional(count)],
    })
    const logs = model.logits(hidden.squeeze(0)).logSoftmax(1).toArray() as Float64Array
    const first = prompt.ids.length - (shift === "next" ? 1 : 0)
    return shown.map((_, i) => [...logs.subarray((first + i) * VOCABULARY, (first + i + 1) * VOCABULARY)])
  })
}

const likelihoods = (
  prompt: Prompt,
  of: readonly Int32Array[],
  options: Omit<FullLikelihoodOptions, "maskToken"> = {},
) => valuesOf(model, prompt, fullDiffusionLikelihoods(prompt.ids.length, of, { maskToken: MASK, ...options }))

describe("likelihoods of given answers under full diffusion", () => {
  it.each([
    [text, "same", undefined],
    [text, "next", 9],
    [withPicture, "same", 7],
    [withPicture, "next", undefined],
  ] as const)("by the chain rule: one token at a time (%#)", async (prompt, shift, genLength) => {
    const together = await likelihoods(prompt, answers, { shift, genLength })
    expect(together.length).toBe(answers.length)
    answers.forEach((answer, a) => {
      let sum = 0
      answer.forEach((token, i) => {
        const shown = Array.from({ length: genLength ?? answer.length }, (_, j) => (j < i ? answer[j] : MASK))
        sum += logProbabilities(prompt, shown, shift)[i][token]
      })
      expect(together[a]).toBeCloseTo(sum, 5)
    })
  })

  it("by the chain rule all answers of one length together have probability 1", async () => {
    const one = Array.from({ length: VOCABULARY }, (_, id) => Int32Array.of(id))
    const total = (values: number[]): number => values.reduce((sum, value) => sum + Math.exp(value), 0)
    expect(total(await likelihoods(withPicture, one))).toBeCloseTo(1, 5)
    const two = one.slice(0, 30).flatMap(([a]) => one.map(([b]) => Int32Array.of(a, b)))
    const first = (await likelihoods({ ids: Int32Array.of(9) }, one, { genLength: 2 })).slice(0, 30)
    expect(total(await likelihoods({ ids: Int32Array.of(9) }, two))).toBeCloseTo(total(first), 4)
  })

  it("the bound: the formula, on what is masked", async () => {
    const samples = 5
    const together = await likelihoods(withPicture, answers, { bound: { samples, seed: 4 }, genLength: 8 })
    answers.forEach((answer, a) => {
      const uniform = randomFrom(4)
      const length = answer.length
      if (length === 0) return
      const start = 1 + Math.floor(uniform() * length)
      let sum = 0
      for (let copy = 0; copy < samples; copy++) {
        const count = ((Math.round(start + (copy * length) / samples) - 1) % length) + 1
        const random = Array.from({ length }, uniform)
        const last = [...random].sort((x, y) => x - y)[count - 1]
        const masked = random.map((r) => r <= last)
        const shown = Array.from({ length: 8 }, (_, i) => (i >= length || masked[i] ? MASK : answer[i]))
        const logs = logProbabilities(withPicture, shown, "same")
        answer.forEach((token, i) => {
          if (masked[i]) sum += (length / count / samples) * logs[i][token]
        })
      }
      expect(together[a]).toBeCloseTo(sum, 5)
    })
  })

  it("the bound of one token is its likelihood", async () => {
    const token = [Int32Array.of(20)]
    const [exact] = await likelihoods(text, token)
    expect((await likelihoods(text, token, { bound: { samples: 7, seed: 0 } }))[0]).toBeCloseTo(exact, 6)
  })

  it("an answer's value does not depend on those beside it", async () => {
    for (const bound of [undefined, { samples: 3, seed: 0 }]) {
      const together = await likelihoods(text, answers, { bound })
      const alone = await Promise.all(answers.map(async (answer) => (await likelihoods(text, [answer], { bound }))[0]))
      expect(alone.length).toBe(5)
      alone.forEach((value, i) => {
        expect(together[i]).toBeCloseTo(value, 5)
      })
      expect(together[4]).toBe(0)
    }
  })

  it("copies that look alike are computed once", async () => {
    const rowsOf = (of: readonly Int32Array[], bound?: { samples: number; seed: number }): number[] =>
      fullDiffusionLikelihoods(6, of, { maskToken: MASK, genLength: 2, bound }).forwards.map(({ ids }) => ids.length)
    const letters = [20, 21, 22, 23].map((letter) => Int32Array.of(letter))
    const both = [Int32Array.of(20, EOS), Int32Array.of(20, 30), Int32Array.of(21, EOS)]
    expect(rowsOf(letters)).toEqual([8])
    expect(rowsOf(letters, { samples: 50, seed: 1 })).toEqual([8])
    expect(rowsOf(both)).toEqual([3 * 8])
    expect(rowsOf(both, { samples: 200, seed: 1 })).toEqual([(1 + 2 + 2) * 8])
  })

  it("long ones are computed in several forwards", async () => {
    const long: Prompt = { ids: Int32Array.from({ length: 400 }, (_, i) => 7 + (i % 40)) }
    const counted = counting(model)
    const answer = Int32Array.from({ length: 20 }, (_, i) => 7 + i)
    const plan = fullDiffusionLikelihoods(400, [answer], { maskToken: MASK })
    const [value] = await valuesOf(counted.model, long, plan)
    expect(counted.rows).toEqual([4, 4, 4, 4, 4].map((copies) => copies * 420))
    expect(value).toBeLessThan(0)
  })

  it("refuses what has no meaning", () => {
    expect(() => fullDiffusionLikelihoods(6, answers, { maskToken: MASK, genLength: 3 })).toThrow(/longer/)
  })
})
