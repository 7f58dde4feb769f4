/** Ragged attention against softmax(q kᵀ) v written out in float64, for every instruction set; caches as they are left. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  attendRagged,
  Generator,
  hasKernels,
  noGrad,
  ones,
  randn,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "../torch/index.js"
import {
  type AttentionPattern,
  bidirectional,
  blockCausal,
  causalThenBlocks,
  selectQueries,
  toDense,
  withinWindow,
} from "./attention-pattern.js"
import { KvCache } from "./kv-cache.js"
import { PackedAttention } from "./packed-attention.js"

const SETS = (["portable", "avx2", "avx512"] as const).filter((instructionSet) => {
  try {
    const one = ones([1, 1, 1, 1])
    const plan = tensor(Int32Array.of(1, 0, 1, 1, 0, 1, 1, 0, 1))
    noGrad(() => attendRagged({ q: one, k: one, v: one, stores: [null], layer: 0, plan, scale: 1, instructionSet }))
    return true
  } catch {
    return false
  }
})

interface Shape {
  heads: number
  kvHeads: number
  headDim: number
}

/** One sequence: what it sees, and which of its rows are queries. */
interface Sequence {
  rows: number
  past: number
  cached: boolean
  kind: "blocks" | "causal" | "mixed" | "all" | "window"
  block: number
  selected: boolean
}

const sequence = fc.record({
  rows: fc.integer({ min: 1, max: 70 }),
  past: fc.integer({ min: 0, max: 90 }),
  cached: fc.boolean(),
  kind: fc.constantFrom("blocks" as const, "causal" as const, "mixed" as const, "all" as const, "window" as const),
  block: fc.integer({ min: 1, max: 9 }),
  selected: fc.boolean(),
})

const shape = fc.record({
  kvHeads: fc.integer({ min: 1, max: 3 }),
  share: fc.constantFrom(1, 3, 5),
  headDim: fc.constantFrom(1, 7, 16, 20, 32, 48, 64),
})

function patternOf({ kind, block, cached, ...sizes }: Sequence): AttentionPattern {
  const { rows } = sizes
  const past = cached ? sizes.past : 0
  if (kind === "all") return bidirectional(rows, past)
  if (kind === "causal") return blockCausal(rows, 1, past)
  if (kind === "window") return withinWindow(blockCausal(rows, 1, past), 11)
  if (kind === "mixed") return causalThenBlocks(rows, Math.min(rows, block), block, past)
  return blockCausal(rows, block, past)
}

/** [1, H, Q, d] in float64 from one sequence's queries and all of its keys. */
function exact(q: Tensor, k: Tensor, v: Tensor, pattern: AttentionPattern): Tensor {
  const share = q.shape[1] / k.shape[1]
  const wide = (x: Tensor): Tensor => x.to("float64").repeatInterleave(share, 1)
  const bias = Float64Array.from(toDense(pattern), (seen) => (seen ? 0 : Number.NEGATIVE_INFINITY))
  const scores = q
    .to("float64")
    .matmul(wide(k).transpose(2, 3))
    .mul(1 / Math.sqrt(q.shape[3]))
  return scores
    .add(tensor(bias, [1, 1, pattern.queries, pattern.keys]))
    .softmax(3)
    .matmul(wide(v))
}

const rowsOf = (count: number, heads: number, width: number, generator: Generator): Tensor =>
  // As products of linear layers lie: row by row.
  randn([1, count, heads, width], { generator }).transpose(1, 2)

function fill(cache: KvCache, tokens: number, { kvHeads, headDim }: Shape, generator: Generator): void {
  for (let layer = 0; layer < 2; layer++) {
    const make = (): Tensor => rowsOf(tokens, kvHeads, headDim, generator)
    cache.write(layer, make(), make())
  }
  cache.commit(tokens)
}

describe.runIf(hasKernels())("attention of packed sequences", () => {
  it("runs on the portable loops everywhere", () => expect(SETS).toContain("portable"))

  it.each(SETS)(
    "is that of each sequence written out, and its keys are in its cache behind it: %s",
    (instructionSet) => {
      fc.assert(
        fc.property(shape, fc.array(sequence, { minLength: 1, maxLength: 5 }), fc.nat(99), (sizes, sequences, seed) =>
          noGrad(() =>
            tidy(() => {
              const generator = new Generator(seed)
              const { kvHeads, headDim } = sizes
              const of: Shape = { kvHeads, headDim, heads: kvHeads * sizes.share }
              const patterns = sequences.map((one) => patternOf(one))
              const queries = patterns.map((pattern, i) =>
                sequences[i].selected ? selectQueries(pattern, everyThird(pattern.queries)) : pattern,
              )
              const total = (list: AttentionPattern[]): number => list.reduce((sum, one) => sum + one.queries, 0)
              const q = rowsOf(total(queries), of.heads, headDim, generator)
              const [k, v] = [0, 1].map(() => rowsOf(total(patterns), kvHeads, headDim, generator))
              const options = { layers: 2, heads: kvHeads, headDim, dtype: "float32", device: "cpu" } as const
              const caches = sequences.map(({ cached, past, rows }) => {
                if (!cached) return undefined
                const cache = new KvCache({ ...options, capacity: past + rows })
                if (past > 0) fill(cache, past, of, generator)
                return cache
              })
              const stores = caches.map((cache, i) => cache?.reserve(patterns[i].queries) ?? null)
              const plan = tensor(Int32Array.from(patterns.flatMap((pattern, i) => planOf(pattern, queries[i]))))
              const scale = 1 / Math.sqrt(headDim)
              const all = attendRagged({ q, k, v, stores, layer: 1, plan, scale, instructionSet })
              expect(all.shape).toEqual(q.shape)
              let [row, query] = [0, 0]
              sequences.forEach((_, i) => {
                const { queries: rows, keys } = patterns[i]
                const own = (x: Tensor): Tensor => x.narrow(2, row, rows)
                const inCache = (part: number, x: Tensor): Tensor => {
                  const store = stores[i]?.select(0, 1).select(0, part).narrow(2, 0, keys)
                  if (store) expect(store.narrow(2, keys - rows, rows).toArray()).toEqual(own(x).contiguous().toArray())
                  return store ?? own(x)
                }
                const count = queries[i].queries
                const expected = exact(q.narrow(2, query, count), inCache(0, k), inCache(1, v), queries[i])
                if (count > 0)
                  expect(all.narrow(2, query, count).to("float64").sub(expected).abs().max().item()).toBeLessThan(2e-5)
                row += rows
                query += count
              })
              for (const cache of caches) cache?.dispose()
            }),
          ),
        ),
        { numRuns: 60, seed: 3 },
      )
    },
  )

  it("is the same to the last bit alone and among others", () =>
    noGrad(() => {
      const generator = new Generator(5)
      const patterns = [blockCausal(8, 8), blockCausal(40, 4), blockCausal(3, 1)]
      const lists = patterns.map((pattern) => [pattern])
      const [q, k, v] = [6, 2, 2].map((heads) => rowsOf(51, heads, 32, generator))
      const none = { layer: 0, k, v, patterns: lists }
      const together = new PackedAttention(patterns.map(() => undefined)).attend(q, none, lists)
      let start = 0
      for (const list of lists) {
        const [{ queries }] = list
        const own = (x: Tensor): Tensor => x.narrow(2, start, queries)
        const keys = { layer: 0, k: own(k), v: own(v), patterns: [list] }
        const alone = new PackedAttention([undefined]).attend(own(q), keys, [list])
        expect(alone.contiguous().toArray()).toEqual(own(together).contiguous().toArray())
        start += queries
      }
    }))

  it("is the engine's own in bfloat16, to its rounding", () =>
    noGrad(() => {
      const generator = new Generator(6)
      const patterns = [[blockCausal(40, 8)], [blockCausal(17, 1)]]
      const [q, k, v] = [4, 2, 2].map((heads) => rowsOf(57, heads, 24, generator))
      const half = (x: Tensor): Tensor => x.to("bfloat16")
      const attend = (...[a, b, c]: Tensor[]): Tensor =>
        new PackedAttention([undefined, undefined]).attend(a, { layer: 0, k: b, v: c, patterns }, patterns)
      const rounded = attend(half(q), half(k), half(v))
      expect(rounded.dtype).toBe("bfloat16")
      const whole = attend(...[q, k, v].map((x) => half(x).to("float32")))
      // Both add the same float32 numbers: what differs is the last rounding.
      expect(rounded.to("float32").sub(half(whole).to("float32")).abs().max().item()).toBe(0)
    }))

  it("does not hide numbers that broke, and keeps them to their sequence", () =>
    noGrad(() => {
      const patterns = [[bidirectional(4)], [bidirectional(4)]]
      const x = rowsOf(8, 2, 16, new Generator(7))
      const broken = x.contiguous().clone()
      broken.narrow(2, 1, 1).fill_(Number.NaN)
      const out = new PackedAttention([undefined, undefined]).attend(
        x,
        { layer: 0, k: broken, v: x, patterns },
        patterns,
      )
      expect(out.narrow(2, 0, 4).isfinite().sum().item()).toBe(0)
      expect(out.narrow(2, 4, 4).isfinite().all().item()).toBe(1)
    }))

  it("refuses a plan and tensors that do not fit", () =>
    noGrad(() => {
      const x = zeros([1, 2, 4, 8])
      const attend = (plan: number[], more: object = {}): Tensor =>
        attendRagged({
          q: x,
          k: x,
          v: x,
          stores: [null],
          layer: 0,
          plan: tensor(Int32Array.from(plan)),
          scale: 1,
          ...more,
        })
      const right = [4, 0, 4, 1, 0, 4, 1, 0, 4]
      expect(attend(right).shape).toEqual([1, 2, 4, 8])
      expect(() => attend(right.slice(0, -1))).toThrow(/ends early/)
      expect(() => attend([...right, 0])).toThrow(/behind its end/)
      expect(() => attend([4, 0, 4, 1, 0, 4, 1, 0, 5])).toThrow(/\[0, 5\) of 4/)
      expect(() => attend([4, 0, 4, 1, 0, 3, 1, 0, 4])).toThrow(/end at query 3 of 4/)
      expect(() => attend([4, 1, 4, 1, 0, 4, 1, 0, 4])).toThrow(/1 tokens before, and no store/)
      expect(() => attend([3, 0, 4, 1, 0, 4, 1, 0, 3])).toThrow(/4 queries and 3 rows/)
      expect(() => attend(right, { stores: [zeros([1, 2, 1, 2, 3, 8])] })).toThrow(/no room for 4 tokens/)
      expect(() => attend(right, { q: zeros([1, 3, 4, 8]) })).toThrow(/3 heads over keys/)
      expect(() => attend(right, { v: zeros([1, 2, 4, 8], { dtype: "bfloat16" }) })).toThrow(/one type/)
    }))
})

const everyThird = (rows: number): Int32Array =>
  Int32Array.from({ length: rows }, (_, row) => row).filter((row) => row % 3 === 0)

function planOf(rows: AttentionPattern, { queries, spans }: AttentionPattern): number[] {
  const ofSpans = spans.flatMap(({ queries, keys }) => [...queries, keys.length, ...keys.flat()])
  return [rows.queries, rows.keys - rows.queries, queries, spans.length, ...ofSpans]
}
