import { describe, expect, it } from "vitest"
import { randomFrom } from "../../data/prng.js"
import { type Tensor, tensor, tidy } from "../../torch/index.js"
import { EqualLogitsError, NotFiniteError, NothingLeftError } from "../not-finite.js"
import { chooseTokens, type FullChoiceOptions } from "./choice.js"

const logits = (rows: number[][]): Tensor => tensor(rows.flat(), [rows.length, rows[0].length])
const choose = (rows: number[][], options: FullChoiceOptions, uniforms: number[] = [], without?: number[][]) =>
  tidy(() => chooseTokens(logits(rows), options, { uniforms }, without && logits(without)))
const softmax = (row: number[]): number[] => {
  const total = row.reduce((sum, x) => sum + Math.exp(x), 0)
  return row.map((x) => Math.exp(x) / total)
}

describe("full diffusion, which token", () => {
  const row = [1, 3, 2, -1]

  it("takes the most likely one, with its probability", () => {
    const { ids, confidences, logConfidences } = choose([row, [0, 0, 5, 0]], {})
    expect([...ids]).toEqual([1, 2])
    expect(confidences[0]).toBeCloseTo(softmax(row)[1], 6)
    expect(logConfidences[0]).toBeCloseTo(Math.log(softmax(row)[1]), 6)
  })

  it("knows which of two nearly certain tokens is the surer", () => {
    const { confidences, logConfidences } = choose(
      [
        [20, 0, 0],
        [25, 0, 0],
      ],
      {},
    )
    expect(confidences[0]).toBe(confidences[1])
    expect(logConfidences[0]).toBeLessThan(logConfidences[1])
  })

  it("never takes what is suppressed, which has no probability either", () => {
    const { ids, confidences } = choose([row], { suppress: [1, 900] })
    expect([...ids]).toEqual([2])
    expect(confidences[0]).toBeCloseTo(softmax([1, 2, -1])[1], 6)
  })

  it("is guided away from what it says without the prompt", () => {
    const without = [0, 4, 0, 0]
    const guided = row.map((x, i) => without[i] + 2.5 * (x - without[i]))
    const { ids, confidences } = choose([row], { guidance: 1.5 }, [], [without])
    expect(ids[0]).toBe(2)
    expect(confidences[0]).toBeCloseTo(softmax(guided)[2], 6)
  })

  it("draws from softmax(logits / temperature), with the confidence of the plain distribution", () => {
    const temperature = 1.5
    const draws = 4000
    const uniforms = Array.from({ length: draws }, randomFrom(7))
    const { ids, confidences } = choose(
      uniforms.map(() => row),
      { temperature },
      uniforms,
    )
    const expected = softmax(row.map((x) => x / temperature))
    const seen = row.map((_, id) => ids.filter((drawn) => drawn === id).length / draws)
    for (const [id, share] of seen.entries()) expect(Math.abs(share - expected[id])).toBeLessThan(0.03)
    const plain = softmax(row)
    expect(ids.length).toBe(draws)
    for (const [i, id] of ids.entries()) expect(confidences[i]).toBeCloseTo(plain[id], 5)
  })

  it("draws by the row's own number, whatever is beside it", () => {
    const alone = [0.1, 0.7, 0.4].map((u) => choose([row], { temperature: 2 }, [u]).ids[0])
    expect([...choose([row, row, row], { temperature: 2 }, [0.1, 0.7, 0.4]).ids]).toEqual(alone)
  })

  it("says what is broken", () => {
    expect(() => choose([[Number.NaN, 1]], {})).toThrow(NotFiniteError)
    expect(() => choose([[2, 2, 2]], {})).toThrow(EqualLogitsError)
    expect(() => choose([[1, 2]], { suppress: [0, 1] })).toThrow(NothingLeftError)
    expect(() => choose([[1, 2]], { guidance: 1 }, [], [[Number.NaN, 1]])).toThrow(NotFiniteError)
  })
})
