import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { normalInterval, wilson } from "./intervals.js"
import { mcnemar } from "./mcnemar.js"
import { bootstrap, halfSamples } from "./resampling.js"

describe("wilson", () => {
  // statsmodels.stats.proportion.proportion_confint(method="wilson")
  it.each([
    [0, 10, 0, 0.27753279986],
    [8, 10, 0.49016247154, 0.94331784855],
    [10, 10, 0.72246720014, 1],
    [617, 1000, 0.58647726988, 0.64662726863],
  ])("%i of %i", (right, n, low, high) => {
    const interval = wilson(right, n)
    expect(interval.low).toBeCloseTo(low, 9)
    expect(interval.high).toBeCloseTo(high, 9)
  })
})

it("an interval stays within what a mean can be", () => {
  expect(normalInterval(0.9, 0.1, { low: 0, high: 1 }).high).toBe(1)
  expect(normalInterval(0.9, 0.1).high).toBeCloseTo(1.096, 3)
})

describe("McNemar's test", () => {
  // scipy.stats.binomtest(min, n).pvalue; 1000 and more: statsmodels' mcnemar(exact=False, correction=True)
  it.each([
    [0, 0, 1],
    [0, 6, 0.03125],
    [3, 9, 0.14599609375],
    [10, 10, 1],
    [400, 500, 0.0009564441369189373],
    [900, 1100, 8.596018738181874e-6],
  ])("%i against %i", (first, second, p) => {
    const test = mcnemar(first, second)
    expect(test.p / p).toBeCloseTo(1, 6)
    expect(test.exact).toBe(first + second <= 1000)
    expect(mcnemar(second, first).p).toBe(test.p)
  })
})

describe("drawing clusters", () => {
  const mean = (values: readonly number[]) => (drawn: ArrayLike<number>) =>
    Array.from(drawn, (i) => values[i]).reduce((sum, value) => sum + value, 0) / drawn.length

  it("scatters as a mean of independent values does, both ways", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 30, maxLength: 60 }), (values) => {
        const n = values.length
        const middle = values.reduce((sum, value) => sum + value, 0) / n
        const error = Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (n - 1) / n)
        fc.pre(error > 0.005)
        const drawn = bootstrap(n, mean(values))!
        const halves = halfSamples(n, middle, mean(values))!
        expect(drawn.standardError / error).toBeGreaterThan(0.85)
        expect(drawn.standardError / error).toBeLessThan(1.15)
        expect(halves.standardError / error).toBeGreaterThan(0.85)
        expect(halves.standardError / error).toBeLessThan(1.15)
        expect(halves.interval.low).toBeLessThan(middle)
        expect(halves.interval.high).toBeGreaterThan(middle)
      }),
      { numRuns: 20 },
    )
  })

  it("draws the same from the same seed, and never a cluster twice in half samples", () => {
    const drawn: number[][] = []
    halfSamples(7, 0, (clusters) => drawn.push([...clusters]), { resamples: 50 })
    expect(drawn.every((clusters) => new Set(clusters).size === 3)).toBe(true)
    expect(new Set(drawn.map(String)).size).toBeGreaterThan(20)
    const statistic = mean([1, 0, 0, 1, 1, 0, 1])
    expect(bootstrap(7, statistic, { seed: 3 })).toEqual(bootstrap(7, statistic, { seed: 3 }))
    expect(bootstrap(7, statistic, { seed: 3 })).not.toEqual(bootstrap(7, statistic, { seed: 4 }))
  })

  it("says nothing of a handful, nor of draws that cannot be scored", () => {
    expect(bootstrap(4, () => 1)).toBeUndefined()
    expect(halfSamples(10, 0, () => null)).toBeUndefined()
  })
})
