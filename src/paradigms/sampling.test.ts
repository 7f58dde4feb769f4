/** Sampling against the rules in plain numbers. */

import { describe, expect, it } from "vitest"
import { randomFrom } from "../data/prng.js"
import { noGrad, tensor } from "../torch/index.js"
import { EqualLogitsError, NotFiniteError } from "./not-finite.js"
import { checkSampling, type SamplingOptions, sampleTokens } from "./sampling.js"

/** The rule in words, on plain numbers: scale, keep the top k with ties, keep the top p, draw by cumulative sums. */
function expectedToken(
  logits: number[],
  { temperature = 1, topK = 0, topP = 1 }: SamplingOptions,
  u: number,
): { id: number; probability: number } {
  let scaled = logits.map((x) => x / temperature)
  if (topK > 0) {
    const least = [...scaled].sort((a, b) => b - a)[topK - 1]
    scaled = scaled.map((x) => (x < least ? Number.NEGATIVE_INFINITY : x))
  }
  const softmax = (values: number[]): number[] => {
    const weights = values.map(Math.exp)
    const total = weights.reduce((a, b) => a + b)
    return weights.map((weight) => weight / total)
  }
  if (topP < 1) {
    const before = softmax(scaled)
    let reached = 0
    for (const i of before.map((_, i) => i).sort((a, b) => before[b] - before[a])) {
      if (reached > topP) scaled[i] = Number.NEGATIVE_INFINITY
      reached += before[i]
    }
  }
  const probabilities = softmax(scaled)
  let sum = 0
  const id = probabilities.findIndex((p) => {
    sum += p
    return sum > u
  })
  return { id, probability: probabilities[id] }
}

// float32 takes the kernel, float64 the engine's operators, as other devices do.
describe.each(["float32", "float64"] as const)("sampling from %s", (dtype) => {
  const sample = (rows: number[][], options: SamplingOptions, uniforms: number[], banned?: number) =>
    noGrad(() => sampleTokens(tensor(rows.flat(), [rows.length, rows[0].length], { dtype }), options, uniforms, banned))

  it("greedy takes the largest logit, with its probability in the whole distribution", () => {
    const { ids, confidences } = sample(
      [
        [0, Math.log(3), 0],
        [5, 5, 0],
      ],
      {},
      [],
    )
    expect([...ids]).toEqual([1, 0])
    expect(confidences[0]).toBeCloseTo(3 / 5, 6)
    expect(confidences[1]).toBeCloseTo(1 / (2 + Math.exp(-5)), 6)
  })

  it("keeps ties of the k-th largest", () => {
    const options = { temperature: 1, topK: 2 }
    const rows = [[3, 2, 2, 1]]
    expect([...sample(rows, options, [0.999]).ids]).toEqual([2])
    expect(sample(rows, options, [0]).confidences[0]).toBeCloseTo(1 / (1 + 2 * Math.exp(-1)), 6)
  })

  it("keeps the token that takes the probability beyond p, and always the first", () => {
    const rows = [[Math.log(0.5), Math.log(0.3), Math.log(0.2)]]
    expect(sample(rows, { temperature: 1, topP: 0.4 }, [0.99]).confidences[0]).toBeCloseTo(1, 6)
    const { ids, confidences } = sample(rows, { temperature: 1, topP: 0.6 }, [0.99])
    expect(ids[0]).toBe(1)
    expect(confidences[0]).toBeCloseTo(0.3 / 0.8, 6)
  })

  it("tells the probability of a drawn token in the cut distribution, or in the model's own", () => {
    const rows = [
      [2, 1, 0, -1],
      [0, 3, 1, 2],
    ]
    const options: SamplingOptions = { temperature: 0.5, topK: 2 }
    const [cut, plain] = (["modified", "unmodified"] as const).map((confidenceFrom) =>
      sample(rows, { ...options, confidenceFrom }, [0.95, 0.3]),
    )
    expect([...cut.ids]).toEqual([1, 1])
    expect(plain.ids).toEqual(cut.ids)
    const softmax = (row: number[], id: number): number =>
      Math.exp(row[id]) / row.reduce((sum, x) => sum + Math.exp(x), 0)
    expect(cut.confidences[0]).toBeCloseTo(softmax([4, 2], 1), 6)
    expect(plain.confidences[0]).toBeCloseTo(softmax(rows[0], 1), 6)
    expect(plain.confidences[1]).toBeCloseTo(softmax(rows[1], 1), 6)
    expect(sample(rows, { confidenceFrom: "unmodified" }, []).confidences[0]).toBeCloseTo(softmax(rows[0], 0), 6)
  })

  it("equals the rule in words", () => {
    const random = randomFrom(7)
    const settings: SamplingOptions[] = [
      { temperature: 1 },
      { temperature: 0.7 },
      { temperature: 1.5, topK: 4 },
      { temperature: 1.1, topP: 0.8 },
      { temperature: 0.9, topK: 6, topP: 0.7 },
    ]
    for (const options of settings) {
      const rows = Array.from({ length: 40 }, () => Array.from({ length: 12 }, () => 6 * random()))
      const uniforms = rows.map(random)
      const { ids, confidences } = sample(rows, options, uniforms)
      rows.forEach((logits, i) => {
        const { id, probability } = expectedToken(logits, options, uniforms[i])
        expect(ids[i]).toBe(id)
        expect(confidences[i]).toBeCloseTo(probability, 5)
      })
    }
  })

  it("draws a token for every u", () => {
    const { ids } = sample([[1, 0]], { temperature: 1 }, [1 - 2 ** -53])
    expect(ids[0]).toBe(1)
  })

  const nothing = Number.NEGATIVE_INFINITY
  it.each([
    ["the same", Array<number>(20).fill(7)],
    ["the same beside what is ruled out", [7, 9, ...Array<number>(18).fill(7)], 1],
    ["the same to rounding", Array.from({ length: 20 }, (_, i) => 7 + 1e-6 * (i % 2))],
  ])("notices logits that are all %s", (_, row, banned?: number) => {
    const good = row.map((_, i) => i)
    for (const options of [{}, { temperature: 0.7 }, { temperature: 1, topK: 3 }, { temperature: 1, topP: 1e-6 }])
      expect(() => sample([good, row], options, [0.5, 0.5], banned)).toThrow(EqualLogitsError)
  })

  it.each([
    ["infinity", [0, 1, Number.POSITIVE_INFINITY]],
    ["no number", [0, 1, Number.NaN]],
    ["minus infinity", [0, 1, nothing]],
    ["nothing", [nothing, nothing, nothing]],
    ["two infinities", [1, Number.POSITIVE_INFINITY, nothing]],
  ])("notices logits that hold %s, be it where a token is banned", (_, row) => {
    for (const options of [{}, { temperature: 0.7 }, { temperature: 1, topK: 1 }, { temperature: 1, topP: 1e-6 }])
      for (const banned of [undefined, 0, 2])
        expect(() => sample([[0, 1, 2], row], options, [0.5, 0.5], banned)).toThrow(NotFiniteError)
  })

  it("finite logits whose sum is beyond float32 are fine", () => {
    const rows = [
      [2e38, 3e38, 1e38],
      [-3e38, -2e38, -2.5e38],
    ]
    expect([...sample(rows, {}, []).ids]).toEqual([1, 1])
    expect([...sample(rows, {}, [], 1).ids]).toEqual([0, 2])
    expect([...sample(rows, { temperature: 1 }, [0.5, 0.5], 1).ids]).toEqual([0, 2])
  })

  it("never takes a banned token, and leaves its share to the others", () => {
    const rows = [[Math.log(0.5), Math.log(0.3), Math.log(0.2)]]
    const { ids, confidences } = sample(rows, {}, [], 0)
    expect(ids[0]).toBe(1)
    expect(confidences[0]).toBeCloseTo(0.6, 6)
    expect(sample(rows, { temperature: 1 }, [0], 0).ids[0]).toBe(1)
  })

  it("logits of which some are the same, or that a temperature makes nearly so, are fine", () => {
    const row = Array.from({ length: 20 }, (_, i) => (i === 19 ? 1 : 0))
    expect(sample([row], { temperature: 1 }, [0.5]).ids[0]).toBeLessThan(20)
    expect(sample([row], { temperature: 1e6 }, [0.5]).ids[0]).toBe(10)
    expect(sample([row.map((x) => x - 2)], {}, []).ids[0]).toBe(19)
    expect(sample([[3, 5]], { temperature: 1 }, [0.5], 1).ids[0]).toBe(0)
  })

  it.each([{ temperature: -1 }, { temperature: Number.NaN }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }])(
    "refuses %o",
    (options) => {
      expect(() => checkSampling(options)).toThrow(RangeError)
    },
  )
})
