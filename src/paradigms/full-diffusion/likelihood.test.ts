import { describe, expect, it } from "vitest"
import { EOS, MASK, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { mropePositions } from "../../models/decoder/mrope-positions.js"
import { bidirectional } from "../../nn/attention-pattern.js"
import { Generator, noGrad, randn } from "../../torch/index.js"
import { embedPrompt, type Prompt, promptPositions } from "../prompt.js"
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

describe("likelihoods of given answers under full diffusion", () => {
  it.each([
    [text, "same", undefined],
    [text, "next", 9],
    [withPicture, "same", 7],
    [withPicture, "next", undefined],
  ] as const)("by the chain rule: one token at a time (%#)", (prompt, shift, genLength) => {
    const together = fullDiffusionLikelihoods(model, prompt, answers, { maskToken: MASK, shift, genLength })
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

  it("by the chain rule all answers of one length together have probability 1", () => {
    const one = Array.from({ length: VOCABULARY }, (_, id) => Int32Array.of(id))
    const total = (values: number[]): number => values.reduce((sum, value) => sum + Math.exp(value), 0)
    expect(total(fullDiffusionLikelihoods(model, withPicture, one, { maskToken: MASK }))).toBeCloseTo(1, 5)
    const two = one.flatMap(([a]) => one.map(([b]) => Int32Array.of(a, b)))
    expect(total(fullDiffusionLikelihoods(model, { ids: Int32Array.of(9) }, two, { maskToken: MASK }))).toBeCloseTo(
      1,
      4,
    )
  })

  it("by Monte Carlo: the formula, on what is masked", () => {
    const samples = 5
    const options: FullLikelihoodOptions = { maskToken: MASK, method: "monte-carlo", samples, genLength: 8 }
    const together = fullDiffusionLikelihoods(model, withPicture, answers, { ...options, uniform: randomFrom(4) })
    const uniform = randomFrom(4)
    answers.forEach((answer, a) => {
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

  it("by Monte Carlo, of one token it is the likelihood itself; of more it is near its mean over all masks", () => {
    const token = [Int32Array.of(20)]
    const options: FullLikelihoodOptions = { maskToken: MASK, method: "monte-carlo" }
    const [exact] = fullDiffusionLikelihoods(model, text, token, { maskToken: MASK })
    expect(fullDiffusionLikelihoods(model, text, token, options)[0]).toBeCloseTo(exact, 5)
    // Two tokens: l = 1 with either masked, or l = 2, each half of the time.
    const two = Int32Array.of(12, 19)
    const log = (shown: number[], i: number): number => logProbabilities(text, shown, "same")[i][two[i]]
    const oneMasked = (2 * (log([MASK, two[1]], 0) + log([two[0], MASK], 1))) / 2
    const bothMasked = log([MASK, MASK], 0) + log([MASK, MASK], 1)
    const mean = (oneMasked + bothMasked) / 2
    const [estimate] = fullDiffusionLikelihoods(model, text, [two], { ...options, samples: 2000 })
    expect(Math.abs(estimate - mean)).toBeLessThan(0.05 * Math.abs(mean))
  })

  it("an answer's value does not depend on those beside it", () => {
    for (const method of ["chain", "monte-carlo"] as const) {
      const options = { maskToken: MASK, method, samples: 3 }
      const together = fullDiffusionLikelihoods(model, text, answers, options)
      const alone = answers.map((answer) => fullDiffusionLikelihoods(model, text, [answer], options)[0])
      expect(alone.length).toBe(5)
      alone.forEach((value, i) => {
        expect(together[i]).toBeCloseTo(value, 5)
      })
      expect(together[4]).toBe(0)
    }
  })

  it("long ones are computed in several forwards", () => {
    const long: Prompt = { ids: Int32Array.from({ length: 400 }, (_, i) => 7 + (i % 40)) }
    const rows: number[] = []
    const counting = Object.create(model, {
      forward: {
        value: (input: Parameters<typeof model.forward>[0]) => {
          rows.push(input.embeddings.shape[1])
          return model.forward(input)
        },
      },
    })
    const answer = Int32Array.from({ length: 20 }, (_, i) => 7 + i)
    const [value] = fullDiffusionLikelihoods(counting, long, [answer], { maskToken: MASK })
    expect(rows).toEqual([9 * 420, 9 * 420, 2 * 420])
    expect(value).toBeLessThan(0)
  })

  it("refuses what has no meaning", () => {
    const options = { maskToken: MASK }
    expect(() => fullDiffusionLikelihoods(model, text, answers, { ...options, genLength: 3 })).toThrow(/longer/)
    expect(() => fullDiffusionLikelihoods(model, text, answers, { ...options, samples: 0 })).toThrow(RangeError)
  })
})
