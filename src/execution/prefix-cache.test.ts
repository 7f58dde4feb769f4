/** Keys and values by content: the longest common beginning, within the limit, and exactly what was put in. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { KvCache } from "../nn/kv-cache.js"
import type { Prompt } from "../paradigms/prompt.js"
import { collect, full, memory, noGrad, tensor, zeros } from "../torch/index.js"
import { type Content, contentOf } from "./content.js"
import { PrefixCache } from "./prefix-cache.js"

const SHAPE = { layers: 2, heads: 1, headDim: 2, dtype: "float32", device: "cpu" } as const
const PER_TOKEN = 2 * 2 * 2 * 4
const KIND = { block: 1, lengthKey: 0 }

/** A cache whose keys are functions of the tokens up to theirs, as those of a model. */
function filled(ids: readonly number[]): KvCache {
  const cache = new KvCache({ ...SHAPE, capacity: ids.length })
  let sum = 0
  const keys = ids.flatMap((id) => {
    sum = (sum * 31 + id) % 1009
    return [id, sum]
  })
  noGrad(() => {
    for (const layer of [0, 1]) {
      const k = tensor(Float32Array.from(keys), [1, 1, ids.length, 2])
      cache.write(layer, k, k.mul(layer + 2))
    }
  })
  cache.commit(ids.length)
  return cache
}
const content = (ids: readonly number[]): Content => contentOf({ ids: Int32Array.from(ids) }, [])
const valuesOf = (cache: KvCache): number[] => (cache.length === 0 ? [] : cache.copy(0, cache.length).toNumbers())

function keep(kept: PrefixCache, ids: readonly number[], kind = KIND): void {
  const cache = filled(ids)
  kept.keep(kind, content(ids), ids.length, cache)
  cache.dispose()
}
function restored(kept: PrefixCache, ids: readonly number[], kind = KIND): number {
  const cache = new KvCache({ ...SHAPE, capacity: 1 })
  const expected = kept.match(kind, content(ids), ids.length)
  const count = kept.restore(kind, content(ids), ids.length, cache)
  expect([count, cache.length]).toEqual([expected, expected])
  const own = filled(ids)
  own.truncate(count)
  expect(valuesOf(cache)).toEqual(valuesOf(own))
  cache.dispose()
  own.dispose()
  return count
}

describe("a prefix cache", () => {
  it("finds the longest common beginning of anything that was kept", () => {
    const ids = fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(ids, { minLength: 1, maxLength: 12 }), fc.constantFrom(1, 2, 3), (sequences, block) => {
        const kept = new PrefixCache(1e6)
        const kind = { block, lengthKey: 0 }
        const before: number[][] = []
        for (const sequence of sequences) {
          const common = (other: number[]): number => {
            let n = 0
            while (n < Math.min(other.length, sequence.length) && other[n] === sequence[n]) n++
            return n - (n % block)
          }
          const whole = (other: number[]): number[] => other.slice(0, other.length - (other.length % block))
          expect(restored(kept, sequence, kind)).toBe(Math.max(0, ...before.map((other) => common(whole(other)))))
          keep(kept, sequence, kind)
          before.push(sequence)
        }
        // No block is kept twice.
        const blocks = new Set<string>()
        for (const sequence of before)
          for (let end = block; end <= sequence.length; end += block) blocks.add(sequence.slice(0, end).join())
        expect(kept.bytes).toBe(blocks.size * block * PER_TOKEN)
        kept.clear()
        expect(kept.bytes).toBe(0)
      }),
      { numRuns: 60, seed: 5 },
    )
  })

  it("stays within its limit, and lets go of what was not used for longest", () => {
    const kept = new PrefixCache(12 * PER_TOKEN)
    keep(kept, [1, 2, 3, 4])
    keep(kept, [5, 6, 7, 8])
    keep(kept, [9, 10, 11, 12])
    expect([kept.bytes, kept.evictions]).toEqual([12 * PER_TOKEN, 0])
    restored(kept, [1, 2, 3, 4])
    keep(kept, [13, 14])
    expect(kept.evictions).toBe(1)
    expect(
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11, 12],
        [13, 14],
      ].map((ids) => restored(kept, ids)),
    ).toEqual([4, 0, 4, 2])
    // Branches go before what they begin with.
    kept.clear()
    keep(kept, [1, 2, 3, 4, 5, 6])
    keep(kept, [1, 2, 3, 7, 8, 9])
    keep(kept, [20, 21, 22, 23, 24])
    expect([1, 2, 3].map((n) => restored(kept, [1, 2, 3].slice(0, n)))).toEqual([1, 2, 3])
    expect(
      [
        [1, 2, 3, 4, 5, 6],
        [1, 2, 3, 7, 8, 9],
        [20, 21, 22, 23, 24],
      ].map((ids) => restored(kept, ids)),
    ).toEqual([3, 6, 5])
  })

  it("keeps the beginning of what is larger than its limit", () => {
    const kept = new PrefixCache(7 * PER_TOKEN + 3)
    const ids = Array.from({ length: 40 }, (_, i) => i)
    keep(kept, ids, { block: 3, lengthKey: 0 })
    expect(restored(kept, ids, { block: 3, lengthKey: 0 })).toBe(6)
    const nothing = new PrefixCache(0)
    keep(nothing, ids)
    expect([restored(nothing, ids), nothing.bytes]).toEqual([0, 0])
  })

  it("never goes above its limit, whatever comes", () => {
    const ids = fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 25 }), fc.nat({ max: 30 }), (sequences, tokens) => {
        const kept = new PrefixCache(tokens * PER_TOKEN)
        collect()
        const before = memory()
        for (const sequence of sequences) {
          restored(kept, sequence)
          keep(kept, sequence)
          expect(kept.bytes).toBeLessThanOrEqual(kept.limit)
          // What was kept last is there, as far as there is room.
          expect(restored(kept, sequence)).toBe(Math.min(sequence.length, tokens))
        }
        kept.clear()
        collect()
        expect(memory().bytes).toBeLessThanOrEqual(before.bytes)
      }),
      { numRuns: 40, seed: 6 },
    )
  })

  it("tells kinds, pictures, positions and what follows them apart", () => {
    const kept = new PrefixCache(1e6)
    const features = zeros([2, 4])
    const shown: Prompt = { ids: Int32Array.of(1, -200, 7, -200, 2), features: [features] }
    const cache = filled([1, 0, 7, 0, 2])
    const a = contentOf(shown, ["a"])
    kept.keep(KIND, a, 5, cache)
    expect(kept.match(KIND, a, 5)).toBe(5)
    expect(kept.match(KIND, a, 4)).toBe(4)
    expect(kept.match(KIND, contentOf(shown, ["b"]), 5)).toBe(1)
    // As ids alone they are the same.
    const two: Prompt = { ids: shown.ids, features: [full([1, 4], 0), full([1, 4], 1)] }
    expect(kept.match(KIND, contentOf(two, ["a", "a"]), 5)).toBe(3)
    expect(kept.match(KIND, contentOf({ ids: Int32Array.of(1, 9) }, []), 2)).toBe(1)
    expect(kept.match({ block: 1, lengthKey: 5 }, a, 5)).toBe(0)
    expect(kept.match({ block: 5, lengthKey: 0 }, a, 5)).toBe(0)
    const axis = Int32Array.of(0, 1, 2, 3, 4)
    const positions = { axes: [axis, axis, axis] as [Int32Array, Int32Array, Int32Array], delta: 0 }
    expect(kept.match(KIND, contentOf({ ...shown, positions }, ["a"]), 5)).toBe(0)
    kept.keep(KIND, contentOf({ ...shown, positions }, ["a"]), 5, cache)
    const other = { ...positions, axes: [axis, axis, Int32Array.of(0, 1, 2, 9, 4)] as typeof positions.axes }
    expect(kept.match(KIND, contentOf({ ...shown, positions: other }, ["a"]), 5)).toBe(3)
    // What was generated is as if it had been in the prompt.
    const began: Prompt = { ids: Int32Array.of(1, -200, 7), features: [zeros([1, 4])] }
    kept.keep(KIND, contentOf(began, ["c"], [8, 9]), 5, cache)
    const whole = { ids: Int32Array.of(1, -200, 7, 8, 9, 10), features: [zeros([1, 4])] }
    expect(kept.match(KIND, contentOf(whole, ["c"]), 6)).toBe(5)
  })
})
