/** Who is computed when, and how much of each: nobody starves, and every row is computed once. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Asked, behind, takeBatch } from "./batch.js"

const prompt = (tokens: number, blockSize = 1, extra: Partial<Asked> = {}): { request: Asked; name?: string } => ({
  request: {
    type: "forward",
    start: 0,
    ids: Int32Array.from({ length: tokens }, (_, i) => i),
    blockSize,
    commit: blockSize === Number.POSITIVE_INFINITY ? 0 : tokens,
    wanted: Int32Array.of(tokens - 1),
    length: tokens,
    ...extra,
  },
})
const rows = (batch: ReturnType<typeof takeBatch>["taken"]): number[] => batch.map(({ part }) => part.ids.length)

describe("a batch", () => {
  it("takes what fits, the oldest first", () => {
    const queue = [prompt(3), prompt(4), prompt(8), prompt(2, 2)]
    const { taken, left } = takeBatch(queue, 16)
    expect(rows(taken)).toEqual([3, 4, 8])
    expect(taken.every(({ part }) => part.last)).toBe(true)
    expect(left).toEqual([queue[3]])
    // Of what has parts, those that fit.
    expect(rows(takeBatch([prompt(15), prompt(2)], 16).taken)).toEqual([14, 2])
  })

  it("gives a long prompt half of the rows while others need them, and what they leave", () => {
    const decoding = Array.from({ length: 20 }, () => prompt(8, 8))
    expect(rows(takeBatch([prompt(1000), ...decoding], 64).taken)).toEqual([32, 8, 8, 8, 8])
    expect(rows(takeBatch([prompt(1000), prompt(8, 8)], 64).taken)).toEqual([56, 8])
    expect(rows(takeBatch([prompt(1000)], 64).taken)).toEqual([64])
    expect(rows(takeBatch([prompt(1000, 10)], 64).taken)).toEqual([60])
  })

  it("cuts at the ends of blocks, before what predicts, and never what all see", () => {
    expect(rows(takeBatch([prompt(100, 48)], 64).taken)).toEqual([48])
    // Not even one block fits.
    expect(rows(takeBatch([prompt(100, 100)], 64).taken)).toEqual([100])
    expect(rows(takeBatch([prompt(200, 100)], 64).taken)).toEqual([100])
    expect(rows(takeBatch([prompt(100, 1, { wanted: Int32Array.of(20, 99) })], 64).taken)).toEqual([20])
    expect(rows(takeBatch([prompt(100, 1, { commit: 5 })], 64).taken)).toEqual([5])
    expect(rows(takeBatch([prompt(100, Number.POSITIVE_INFINITY), prompt(3)], 64).taken)).toEqual([100])
    const { taken, left } = takeBatch([prompt(3), prompt(100, Number.POSITIVE_INFINITY), prompt(5)], 64)
    expect([rows(taken), left.length]).toEqual([[3, 5], 1])
    expect(rows(takeBatch([prompt(40, 1, { companion: new Int32Array(40) }), prompt(3)], 64).taken)).toEqual([39, 3])
  })

  it("a part only fills the cache, and what is left goes on behind it", () => {
    const keep = { keep: 9, companion: new Int32Array(20), choice: 1 }
    const { request } = prompt(20, 4, { start: 8, wanted: Int32Array.of(27), length: 28, ...keep })
    const [{ part }] = takeBatch([{ request }], 10).taken
    expect(part).toMatchObject({ start: 8, commit: 8, last: false, length: 28, blockSize: 4 })
    expect([...part.wanted]).toEqual([])
    expect([part.keep, part.companion, part.choice]).toEqual([undefined, undefined, undefined])
    const rest = behind(request, part.ids.length)
    expect(rest).toMatchObject({ start: 16, commit: 12, length: 28, ...keep })
    expect([...rest.ids]).toEqual(Array.from({ length: 12 }, (_, i) => 8 + i))
  })

  it("computes every row once, in order, and lets nobody wait for longer than those before it need", () => {
    const asked = fc.record({
      tokens: fc.integer({ min: 1, max: 300 }),
      blockSize: fc.constantFrom(1, 4, 8, 64, Number.POSITIVE_INFINITY),
    })
    fc.assert(
      fc.property(
        fc.array(asked, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(8, 64),
        fc.nat({ max: 40 }),
        (requests, most, steps) => {
          // Besides these, one that decodes for ever.
          let queue = requests.map(({ tokens, blockSize }, i) => ({ ...prompt(tokens, blockSize), name: String(i) }))
          const computed = requests.map(() => [] as number[])
          let waited = 0
          let forwards = 0
          let decoded = 0
          queue.push({ ...prompt(4, 4), name: "decoding" })
          while (queue.length > 1 || forwards < steps) {
            const total = queue.reduce((sum, { request }) => sum + request.ids.length, 0)
            const { taken, left } = takeBatch(queue, most)
            expect(taken[0]?.from).toBe(queue[0])
            if (taken.length > 1) expect(rows(taken).reduce((a, b) => a + b)).toBeLessThanOrEqual(most)
            const decodes = taken.some(({ from }) => from.name === "decoding")
            waited = decodes ? 0 : waited + 1
            decoded += Number(decodes)
            expect(waited).toBeLessThanOrEqual(requests.length)
            queue = left
            for (const { from, part } of taken) {
              if (from.name === "decoding") queue.push({ ...prompt(4, 4), name: "decoding" })
              else {
                computed[Number(from.name)].push(...part.ids)
                if (!part.last) queue.push({ ...from, request: behind(from.request, part.ids.length) })
              }
            }
            forwards++
            expect(forwards).toBeLessThan(total + 4 * steps + 5000)
          }
          expect(computed).toEqual(requests.map(({ tokens }) => Array.from({ length: tokens }, (_, i) => i)))
          expect(decoded).toBeGreaterThan(0)
        },
      ),
      { numRuns: 60, seed: 3 },
    )
  })
})
