import { describe, expect, it } from "vitest"
import { randomFrom } from "../../data/prng.js"
import { maskedPositions, noiseLevels } from "./noise.js"

const draw = (n: number, seed: number): Float32Array => Float32Array.from({ length: n }, randomFrom(seed))
const labels = (flags: string): Int32Array => Int32Array.from(flags, (flag) => (flag === "1" ? 7 : -100))

describe("noise", () => {
  it("gives each block its stratum, in order along the batch", () => {
    const levels = noiseLevels([0, 0.5, 0.25, 0.75])
    const expected = [0, 0.375, 0.5625, 0.9375].map((x) => 0.001 + 0.999 * x)
    expect(levels.length).toBe(4)
    for (const [k, t] of levels.entries()) expect(t).toBeCloseTo(expected[k], 6)
  })

  it("masks labelled positions whose number is at most t", () => {
    const masked = maskedPositions(labels("11011"), [0.25, 0.75], [0.2, 0.3, 0.2, 0.9, 0.75], 3)
    expect([...masked]).toEqual([0, 4])
  })

  it("shuffled levels are one per stratum; uniform ones are not", () => {
    const stratum = (t: number): number => Math.floor(((t - 0.001) / 0.999) * 32)
    const inOrder = Array.from({ length: 32 }, (_, k) => k)
    const shuffled = Array.from(noiseLevels(draw(32, 1), { schedule: "shuffled" }, draw(32, 2)), stratum)
    expect(shuffled).not.toEqual(inOrder)
    expect(shuffled.sort((a, b) => a - b)).toEqual(inOrder)
    expect(new Set(Array.from(noiseLevels(draw(32, 1), { schedule: "uniform" }), stratum)).size).toBeLessThan(32)
    expect(() => noiseLevels(draw(4, 1), { schedule: "shuffled" })).toThrow(RangeError)
  })

  it.each(["ordered", "uniform"] as const)("%s: each copy has its own part of the range", (schedule) => {
    const levels = noiseLevels(draw(40, 4), { schedule, epsMin: 0, copies: 4 })
    expect(levels.length).toBe(40)
    for (const [k, t] of levels.entries()) expect(Math.floor(t * 4)).toBe(Math.floor(k / 10))
  })

  it("honours the limits of t", () => {
    const levels = noiseLevels(draw(500, 3), { schedule: "uniform", epsMin: 0.3, epsMax: 0.8 })
    expect(levels.length).toBe(500)
    expect(Math.min(...levels)).toBeGreaterThanOrEqual(Math.fround(0.3))
    expect(Math.max(...levels)).toBeLessThan(0.8)
    expect(Math.max(...levels) - Math.min(...levels)).toBeGreaterThan(0.45)
  })
})
