import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { randomFrom } from "../../data/prng.js"
import { maskedSamples } from "./masked-samples.js"

const positive = fc.integer({ min: 1, max: 40 })

describe("masked samples", () => {
  it("mask every number of tokens as often as any other, to one, and weigh them by its share", () => {
    fc.assert(
      fc.property(positive, fc.integer({ min: 1, max: 200 }), fc.nat(), (length, samples, seed) => {
        const found = maskedSamples(length, samples, randomFrom(seed))
        const counts = new Array<number>(length).fill(0)
        for (const { masked, weight } of found) {
          expect(new Set(masked).size).toBe(masked.length)
          expect(masked).toEqual(masked.toSorted((a, b) => a - b))
          expect(masked.every((i) => i >= 0 && i < length)).toBe(true)
          expect(weight).toBe(length / masked.length)
          counts[masked.length - 1]++
        }
        expect(found.length).toBe(samples)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it("have the mean of noise levels drawn evenly, tokens masked with that probability and weighed by its inverse", () => {
    const length = 4
    const random = randomFrom(8)
    const values = Array.from({ length: 1 << length }, random)
    const bits = (mask: number): number => mask.toString(2).replaceAll("0", "").length
    // ∫ 1/t Σ over masks of their probability · value dt, by the midpoints of small steps.
    const steps = 20_000
    let integral = 0
    for (let step = 0; step < steps; step++) {
      const t = (step + 0.5) / steps
      values.forEach((value, mask) => {
        const l = bits(mask)
        if (l > 0) integral += (t ** (l - 1) * (1 - t) ** (length - l) * value * l) / steps
      })
    }
    const samples = 400_000
    let mean = 0
    for (const { masked, weight } of maskedSamples(length, samples, randomFrom(1))) {
      const mask = masked.reduce((sum, i) => sum | (1 << i), 0)
      mean += (weight * values[mask] * masked.length) / samples
    }
    expect(Math.abs(mean - integral)).toBeLessThan(0.005)
  })
})
