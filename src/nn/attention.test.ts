import { describe, expect, it } from "vitest"
import {
  backward,
  collect,
  Generator,
  memory,
  noGrad,
  randn,
  type Tensor,
  tensor,
  tidy,
  where,
  zeros,
} from "../torch/index.js"
import { attention, forget } from "./attention.js"
import { attentionInChunks, inChunks } from "./attention-chunks.js"
import { attentionEager } from "./attention-eager.js"
import {
  type AttentionPattern,
  bidirectional,
  blockCausal,
  causal,
  noisedOverClean,
  selectQueries,
  toDense,
  windows,
} from "./attention-pattern.js"
import { chunks, planAttention } from "./attention-plan.js"

const generator = new Generator(7)
const SCALE = 0.3

interface Run {
  out: Tensor
  grads: Tensor[]
}

/** Dense float64 softmax, one sample at a time; rows behind the pattern are 0. */
function reference(q: Tensor, k: Tensor, v: Tensor, patterns: readonly AttentionPattern[]): Tensor {
  const [batch, heads, rows, width] = q.shape
  const keys = k.shape[2]
  const share = heads / k.shape[1]
  const dense = new Uint8Array(batch * rows * keys)
  patterns.forEach((pattern, b) => {
    const own = toDense(pattern)
    for (let r = 0; r < pattern.queries; r++)
      dense.set(own.subarray(r * pattern.keys, (r + 1) * pattern.keys), (b * rows + r) * keys)
  })
  const seen = tensor(dense, [batch, 1, rows, keys]).to("bool")
  const scores = q.matmul(k.repeatInterleave(share, 1).transpose(2, 3)).mul(SCALE)
  // Padding rows: a softmax over equal scores, then erased.
  const probabilities = where(seen, scores, -1e30).softmax(3).mul(seen.to("float64"))
  return probabilities.matmul(v.repeatInterleave(share, 1)).reshape(batch, heads, rows, width)
}

function runBoth(
  patterns: AttentionPattern[],
  heads = 4,
  kvHeads = 2,
  compute: typeof attention = attention,
): { ours: Run; expected: Run } {
  const rows = Math.max(...patterns.map((p) => p.queries))
  const keys = Math.max(...patterns.map((p) => p.keys))
  // Rows before heads in memory, as a projection makes them.
  const make = (h: number, n: number): Tensor => randn([patterns.length, n, h, 8], { dtype: "float64", generator })
  const inputs = [make(heads, rows), make(kvHeads, keys), make(kvHeads, keys)]
  const valid = zeros([patterns.length, 1, rows, 1], { dtype: "float64" })
  for (const [b, p] of patterns.entries()) valid.narrow(0, b, 1).narrow(2, 0, p.queries).fill_(1)
  const weights = make(heads, rows).transpose(1, 2).mul(valid)
  const run = (forward: (q: Tensor, k: Tensor, v: Tensor) => Tensor): Run => {
    const leaves = inputs.map((x) => x.detach().clone().requiresGrad_())
    const [q, k, v] = leaves.map((x) => x.transpose(1, 2))
    const out = forward(q, k, v)
    backward(out.mul(weights).sum())
    return { out: out.mul(valid), grads: leaves.map((x) => x.grad!) }
  }
  return {
    ours: run((q, k, v) => compute(q, k, v, patterns, { scale: SCALE })),
    expected: run((q, k, v) => reference(q, k, v, patterns)),
  }
}

const difference = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item()

function expectEqual({ ours, expected }: { ours: Run; expected: Run }): void {
  expect(difference(ours.out, expected.out)).toBeLessThan(1e-12)
  for (const [i, grad] of ours.grads.entries()) expect(difference(grad, expected.grads[i])).toBeLessThan(1e-11)
}

const kindOf = (patterns: AttentionPattern[]): string => {
  const rows = Math.max(...patterns.map((p) => p.queries))
  return planAttention(patterns, rows, Math.max(...patterns.map((p) => p.keys))).kind
}

describe("attention equals the dense softmax, with its gradients", () => {
  const cases: [string, string, AttentionPattern[]][] = [
    ["every row sees every key", "full", [bidirectional(5, 3), bidirectional(5, 3)]],
    ["causal", "causal", [causal(9)]],
    ["causal, samples of different lengths", "causal", [causal(9), causal(4)]],
    ["causal behind a cache", "mask", [causal(5, 7)]],
    ["equal windows", "windows", [windows([4, 4, 4])]],
    ["windows of several lengths, not sorted", "windows", [windows([4, 2, 4, 4, 1, 2])]],
    ["block-causal", "mask", [blockCausal(13, 4), blockCausal(6, 4)]],
    [
      "noised blocks over clean rows",
      "mask",
      [noisedOverClean({ cleanTokens: 8, noisedBlocks: [0, 2, 0], blockSize: 4, length: 11 })],
    ],
    ["chosen rows", "mask", [selectQueries(blockCausal(12, 4), [1, 5, 11]), selectQueries(blockCausal(9, 4), [8])]],
  ]
  it.each(cases)("%s", (_, kind, patterns) => {
    expect(kindOf(patterns)).toBe(kind)
    expectEqual(runBoth(patterns))
    expectEqual(runBoth(patterns, 3, 3))
  })

  it.each(cases.filter(([, kind]) => kind !== "windows"))("with its scores written out: %s", (_, __, patterns) => {
    const writtenOut: typeof attention = (q, k, v) => {
      const [rows, keys] = [q.shape[2], k.shape[2]]
      const mask = new Float64Array(patterns.length * rows * keys).fill(Number.NEGATIVE_INFINITY)
      patterns.forEach((pattern, b) => {
        for (const [i, seen] of toDense(pattern).entries()) {
          if (seen) mask[(b * rows + Math.floor(i / pattern.keys)) * keys + (i % pattern.keys)] = 0
        }
        // Padding rows see something too.
        for (let row = pattern.queries; row < rows; row++) mask[(b * rows + row) * keys] = 0
      })
      return attentionEager(q, k, v, tensor(mask, [patterns.length, 1, rows, keys]), SCALE)
    }
    expectEqual(runBoth(patterns, 4, 2, writtenOut))
    expectEqual(runBoth(patterns, 3, 3, writtenOut))
  })

  const chunked: typeof attention = (q, k, v, patterns) =>
    attentionInChunks(q, k, v, inChunks(patterns, q.dtype), SCALE)
  const long: [string, AttentionPattern[]][] = [
    ["block-causal", [blockCausal(700, 8)]],
    ["causal behind a cache", [causal(300, 500)]],
    ["two lengths", [blockCausal(530, 8), blockCausal(300, 8)]],
    [
      "noised blocks",
      [
        noisedOverClean({
          cleanTokens: 600,
          noisedBlocks: [0, 1, 30, 31, 50, 52, 74, 75],
          blockSize: 8,
          length: 605,
        }),
      ],
    ],
    [
      "every block noised",
      [
        noisedOverClean({
          cleanTokens: 320,
          noisedBlocks: Array.from({ length: 40 }, (_, b) => b),
          blockSize: 8,
          length: 320,
        }),
      ],
    ],
    ["windows longer and shorter than a chunk", [windows([300, 10, 4, 280])]],
    [
      "chosen rows",
      [
        selectQueries(
          blockCausal(900, 8),
          Int32Array.from({ length: 90 }, (_, i) => i * 10),
        ),
      ],
    ],
  ]
  it.each(long)("in chunks: %s", (_, patterns) => expectEqual(runBoth(patterns, 4, 2, chunked)))

  it("takes the chunks by itself when a mask would be large", () => {
    const patterns = [blockCausal(1100, 8)]
    expect(kindOf(patterns)).toBe("chunks")
    expectEqual(runBoth(patterns, 2, 1))
  })
})

describe("what is remembered for the next layer", () => {
  const cases: [string, number, AttentionPattern[]][] = [
    ["a mask", 1, [blockCausal(13, 4), blockCausal(6, 4)]],
    ["the order of windows, and the place of each", 3, [windows([4, 2, 4, 4, 1, 2])]],
    // Five chunks with a mask each; in four of them the first block sees none of the masked keys.
    ["the masks of chunks, of equal patterns once", 9, Array<AttentionPattern>(2).fill(blockCausal(1100, 8))],
  ]
  it.each(cases)("is made once and given back: %s", (_, tensors, patterns) => {
    const rows = Math.max(...patterns.map((pattern) => pattern.queries))
    const x = randn([patterns.length, 2, rows, 4], { generator })
    const layer = (): void => tidy(() => noGrad(() => void attention(x, x, x, patterns)))
    collect()
    const before = memory().tensors
    layer()
    expect(memory().tensors - before).toBe(tensors)
    layer()
    expect(memory().tensors - before).toBe(tensors)
    forget(patterns)
    expect(memory().tensors).toBe(before)
    // Asked again, it is made again.
    layer()
    expect(memory().tensors - before).toBe(tensors)
    forget(patterns)
    expect(memory().tensors).toBe(before)
  })
})

it("names patterns that do not fit", () => {
  const x = zeros([1, 1, 3, 4])
  expect(() => attention(x, x, x, [causal(4)])).toThrow(/4 rows/)
  expect(() => attention(x, x, x, [causal(3), causal(3)])).toThrow(/2 attention patterns for 1 samples/)
})

it("keeps masks that grow with the length, not with its square", () => {
  const elements = (length: number): number => {
    const noisedBlocks = Array.from({ length: length / 8 }, (_, block) => block)
    const pattern = noisedOverClean({ cleanTokens: length, noisedBlocks, blockSize: 8, length })
    return chunks(pattern, 256).reduce((sum, { mask }) => sum + mask.length, 0)
  }
  expect(elements(8192) / elements(4096)).toBeCloseTo(2, 1)
  expect(elements(8192)).toBeLessThan((2 * 8192) ** 2 / 20)
})

it("in bfloat16, training or not, the output is that of float64 but for its rounding", () => {
  const make = (heads: number): Tensor => randn([1, 40, heads, 8], { dtype: "float64", generator }).to("bfloat16")
  const [q, k, v] = [make(4), make(2), make(2)].map((x) => x.transpose(1, 2))
  const patterns = [noisedOverClean({ cleanTokens: 24, noisedBlocks: [1, 3], blockSize: 8, length: 32 })]
  const [q64, k64, v64] = [q, k, v].map((x) => x.to("float64"))
  const expected = reference(q64, k64, v64, patterns)
  const near = (out: Tensor): void => expect(difference(out.to("float64"), expected)).toBeLessThan(0.02)
  near(attention(q, k, v, patterns, { scale: SCALE }))
  near(attention(q.detach().requiresGrad_(), k, v, patterns, { scale: SCALE }))
  // Whatever the processor prefers.
  const mask = tensor(
    Float32Array.from(toDense(patterns[0]), (seen) => (seen ? 0 : Number.NEGATIVE_INFINITY)),
    [1, 1, 40, 40],
  )
  near(attentionEager(q, k, v, mask, SCALE))
})
