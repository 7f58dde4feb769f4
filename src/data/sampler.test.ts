import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { permutation, randomFrom } from "./prng.js"
import { drawGroups, modalityLengthEpoch, shuffledEpoch } from "./sampler.js"

const sorted = (order: Int32Array): number[] => [...order].sort((a, b) => a - b)
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe("random numbers", () => {
  it("are the same for the same seeds, and unrelated for neighbouring ones", () => {
    const draw = (...seeds: number[]): number[] => range(1000).map(randomFrom(...seeds))
    expect(draw(1, 2)).toEqual(draw(1, 2))
    const correlation = (a: number[], b: number[]): number =>
      a.reduce((sum, x, i) => sum + (x - 0.5) * (b[i] - 0.5), 0) / (a.length / 12)
    for (const [a, b] of [
      [draw(1, 2), draw(1, 3)],
      [draw(1, 2), draw(2, 1)],
      [draw(0), draw(1)],
      [draw(7, 0), draw(7)],
    ])
      expect(Math.abs(correlation(a, b))).toBeLessThan(0.15)
  })
  it("are uniform in [0, 1)", () => {
    const random = randomFrom(11)
    const bins = new Array(20).fill(0)
    for (let i = 0; i < 100_000; i++) bins[Math.floor(random() * 20)]++
    // Chi-squared with 19 degrees of freedom: above 43.8 once in a thousand seeds.
    expect(bins.reduce((sum, n) => sum + (n - 5000) ** 2 / 5000, 0)).toBeLessThan(43.8)
  })
  it("shuffle: every order of three is equally likely", () => {
    const random = randomFrom(5)
    const seen = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order = permutation(3, random).join("")
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    expect(seen.size).toBe(6)
    for (const times of seen.values()) expect(Math.abs(times - 1000)).toBeLessThan(150)
  })
})

describe("epochs", () => {
  it("visit every sample once, differently each epoch and seed, the same when resumed", () => {
    const first = shuffledEpoch(100, 1, 0)
    expect(sorted(first)).toEqual(range(100))
    expect(shuffledEpoch(100, 1, 0)).toEqual(first)
    expect(shuffledEpoch(100, 1, 1)).not.toEqual(first)
    expect(shuffledEpoch(100, 2, 0)).not.toEqual(first)
  })
  it("by modality and length: batches do not mix and come longest first; the rests come last, by index", () => {
    const length = fc.integer({ min: 1, max: 50 }).chain((n) => fc.constantFrom(n, -n))
    fc.assert(
      fc.property(
        fc.array(length, { maxLength: 80 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(5),
        (lengths, size, epoch) => {
          const order = modalityLengthEpoch(lengths, size, 5, epoch)
          expect(sorted(order)).toEqual(range(lengths.length))
          expect(modalityLengthEpoch(lengths, size, 5, epoch)).toEqual(order)
          const whole =
            Math.floor(lengths.filter((n) => n > 0).length / size) +
            Math.floor(lengths.filter((n) => n < 0).length / size)
          for (let b = 0; b < whole; b++) {
            const batch = [...order.subarray(size * b, size * (b + 1))].map((i) => lengths[i])
            expect(new Set(batch.map(Math.sign)).size).toBe(1)
            expect(batch).toEqual([...batch].sort((x, y) => Math.abs(y) - Math.abs(x)))
          }
          const rest = order.subarray(size * whole)
          expect([...rest]).toEqual(sorted(rest))
        },
      ),
    )
  })
  it("by modality and length: whole batches of both kinds are shuffled together", () => {
    const lengths = range(400).map((i) => (i < 200 ? 1 + i : -1 - i))
    const kinds = (epoch: number): number[] =>
      range(40).map((b) => Math.sign(lengths[modalityLengthEpoch(lengths, 10, 3, epoch)[10 * b]]))
    expect(kinds(0).filter((kind) => kind > 0).length).toBe(20)
    expect(new Set(kinds(0).slice(0, 20)).size).toBe(2)
    expect(kinds(1)).not.toEqual(kinds(0))
  })
})

describe("drawGroups", () => {
  const groups = range(10).map(
    (p) =>
      new Map([
        ["name", [3 * p]],
        ["choose", [3 * p + 1, 3 * p + 2]],
      ]),
  )
  const options = {
    batch: 500,
    step: 0,
    progress: 0.1,
    seed: 1,
    taskMixture: [
      { until: 0.4, tasks: { name: 1, choose: 0.25 } as Record<string, number> },
      { until: 1, tasks: { choose: 1 } },
    ],
  }
  it("draws tasks by probability, and one of the records of a task", () => {
    const draws = drawGroups(groups, options)
    for (const { group, records } of draws) expect(records[0]).toBe(3 * group)
    const both = draws.filter(({ records }) => records.length === 2)
    expect(both.length / 500).toBeGreaterThan(0.18)
    expect(both.length / 500).toBeLessThan(0.32)
    expect(new Set(both.map(({ records }) => records[1] % 3))).toEqual(new Set([1, 2]))
  })
  it("changes with the phase, and stays in the last one", () => {
    for (const progress of [0.4, 0.99, 1]) {
      const draws = drawGroups(groups, { ...options, progress })
      expect(draws.length).toBe(500)
      for (const { records } of draws) {
        expect(records.length).toBe(1)
        expect(records[0] % 3).not.toBe(0)
      }
    }
  })
  it("gives every image at least one record, however unlikely its tasks", () => {
    const taskMixture = [{ until: 1, tasks: { name: 0.01, choose: 0.01 } }]
    const draws = drawGroups(groups, { ...options, taskMixture })
    for (const { records } of draws) expect(records.length).toBeGreaterThan(0)
    const named = draws.filter(({ records }) => records[0] % 3 === 0).length
    expect(Math.abs(named - 250)).toBeLessThan(60)
  })
  it("is a function of seed and step, and shows every image once an epoch, across steps", () => {
    const step = (n: number): number[] =>
      drawGroups(groups, { ...options, batch: 4, step: n }).map(({ group }) => group)
    expect(drawGroups(groups, options)).toEqual(drawGroups(groups, options))
    expect(drawGroups(groups, { ...options, seed: 2 })).not.toEqual(drawGroups(groups, options))
    const shown = range(5).flatMap(step)
    expect(new Set(shown.slice(0, 10)).size).toBe(10)
    expect(new Set(shown.slice(10)).size).toBe(10)
    expect(shown.slice(0, 10)).not.toEqual(shown.slice(10))
  })
  it("names an image that has none of the tasks", () => {
    const lacking = [new Map([["describe", [17]]])]
    expect(() => drawGroups(lacking, options)).toThrow(/no record with one of the tasks name, choose/)
  })
})
