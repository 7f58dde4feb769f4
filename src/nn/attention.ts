/** Executes attention patterns: one function for every forward of the system. Knows no architecture and no paradigm. */

import {
  cat,
  type Device,
  type DType,
  scaledDotProductAttention as sdpa,
  type Tensor,
  tensor,
  tidy,
  untidied,
} from "../torch/index.js"
import { attentionInChunks, type ChunkedPatterns, disposeChunks, inChunks } from "./attention-chunks.js"
import { attentionEager, prefersEager } from "./attention-eager.js"
import type { AttentionPattern } from "./attention-pattern.js"
import { type AttentionPlan, planAttention, type WindowGroup } from "./attention-plan.js"

/** What is remembered about a list of patterns, so that all layers of a forward share it. */
interface Prepared {
  queries: number
  keys: number
  plan: AttentionPlan
  masks: Map<string, Tensor>
  indices: Map<Int32Array, Tensor>
  chunks: Map<DType, ChunkedPatterns>
}
const prepared = new WeakMap<readonly AttentionPattern[], Prepared>()

/**
 * softmax(q kᵀ · scale) v over the keys that each row's pattern lets it see. Differentiable.
 * Rows behind the end of a sample's pattern are padding: finite values that mean nothing.
 * @param q [B, H, R, d]
 * @param k and v [B, Hkv, K, d]; H is a multiple of Hkv, and heads that share a key head are neighbours
 * @param patterns one per sample. Pass the same array to every layer: its plan and mask are made once.
 * @returns [B, H, R, d]
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  patterns: readonly AttentionPattern[],
  { scale }: { scale?: number } = {},
): Tensor {
  const [batch, heads, rows, width] = q.shape
  const keys = k.shape[2]
  check(patterns, batch, rows, keys)
  const memo = prepare(patterns, rows, keys)
  const options = { scale: scale ?? 1 / Math.sqrt(width), gqa: heads !== k.shape[1] }
  const { kind } = memo.plan
  if (kind !== "windows" && kind !== "full" && prefersEager(q, k))
    return attentionEager(q, k, v, maskOf(memo, patterns, "float32", "cpu"), options.scale)
  switch (memo.plan.kind) {
    case "full":
      return sdpa(q, k, v, options)
    case "causal":
      return sdpa(q, k, v, { ...options, causal: true })
    case "windows":
      return attendWindows(q, k, v, memo.plan.groups, memo.plan.order, memo, options)
    case "chunks":
      // Off the CPU the mask costs little beside the products, and the kernels that give log-sum-exps differ by device.
      if (q.device === "cpu") return attentionInChunks(q, k, v, chunksOf(memo, patterns, q.dtype), options.scale)
  }
  const mask = maskOf(memo, patterns, q.dtype, q.device)
  if (q.device === "cpu" || !options.gqa) return sdpa(q, k, v, { ...options, mask })
  // With a mask, grouped heads fall back to a kernel that writes out all scores.
  const share = heads / k.shape[1]
  return sdpa(q, k.repeatInterleave(share, 1), v.repeatInterleave(share, 1), { scale: options.scale, mask })
}

/** Gives back what is remembered about a list of patterns, when no layer will ask for it any more. */
export function forget(patterns: readonly AttentionPattern[]): void {
  const memo = prepared.get(patterns)
  if (!memo) return
  prepared.delete(patterns)
  for (const remembered of [memo.masks, memo.indices]) for (const made of remembered.values()) made.dispose()
  for (const chunked of memo.chunks.values()) disposeChunks(chunked)
}

function check(patterns: readonly AttentionPattern[], batch: number, rows: number, keys: number): void {
  if (patterns.length !== batch) throw new RangeError(`${patterns.length} attention patterns for ${batch} samples`)
  for (const pattern of patterns) {
    if (pattern.queries > rows || pattern.keys > keys) {
      throw new RangeError(
        `an attention pattern of ${pattern.queries} rows and ${pattern.keys} keys does not fit ${rows} rows and ${keys} keys`,
      )
    }
  }
}

function prepare(patterns: readonly AttentionPattern[], rows: number, keys: number): Prepared {
  let memo = prepared.get(patterns)
  if (memo?.queries !== rows || memo.keys !== keys) {
    const plan = planAttention(patterns, rows, keys)
    memo = { queries: rows, keys, plan, masks: new Map(), indices: new Map(), chunks: new Map() }
    prepared.set(patterns, memo)
  }
  return memo
}

function chunksOf(memo: Prepared, patterns: readonly AttentionPattern[], dtype: DType): ChunkedPatterns {
  const chunked = memo.chunks.get(dtype) ?? inChunks(patterns, dtype)
  memo.chunks.set(dtype, chunked)
  return chunked
}

/** Additive mask [B or 1, 1, rows, keys]: 0 or −∞. */
function maskOf(memo: Prepared, patterns: readonly AttentionPattern[], dtype: DType, device: Device): Tensor {
  const key = `${dtype} ${device}`
  let mask = memo.masks.get(key)
  if (!mask) {
    const same = patterns.every((pattern) => pattern === patterns[0])
    const list = same ? patterns.slice(0, 1) : patterns
    const data = new Float32Array(list.length * memo.queries * memo.keys).fill(Number.NEGATIVE_INFINITY)
    list.forEach((pattern, sample) => {
      const offsetOf = (row: number): number => (sample * memo.queries + row) * memo.keys
      for (const { queries: rows, keys } of pattern.spans) {
        for (let row = rows[0]; row < rows[1]; row++)
          for (const [start, end] of keys) data.fill(0, offsetOf(row) + start, offsetOf(row) + end)
      }
      // Padding rows see one key, since a softmax over nothing is not a number on some devices.
      for (let row = pattern.queries; row < memo.queries; row++) data[offsetOf(row)] = 0
    })
    mask = untidied(() => tidy(() => tensor(data, [list.length, 1, memo.queries, memo.keys]).to({ dtype, device })))
    memo.masks.set(key, mask)
  }
  return mask
}

function attendWindows(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  groups: readonly WindowGroup[],
  order: Int32Array | null,
  memo: Prepared,
  options: { scale: number; gqa: boolean },
): Tensor {
  const outputs = groups.map(({ length, count, positions }) => {
    // [1, heads, positions of the group, d] → [windows, heads, length, d]
    const pick = (x: Tensor): Tensor => {
      const windows =
        typeof positions === "number"
          ? x.narrow(2, positions, count * length)
          : x.indexSelect(2, indexOf(memo, positions, x.device))
      return windows.view(x.shape[1], count, length, x.shape[3]).transpose(0, 1)
    }
    const out = sdpa(pick(q), pick(k), pick(v), options)
    return out.transpose(1, 2).reshape(1, count * length, q.shape[1], q.shape[3])
  })
  const joined = cat(outputs, 1)
  return (order ? joined.indexSelect(1, indexOf(memo, order, q.device)) : joined).transpose(1, 2)
}

function indexOf(memo: Prepared, positions: Int32Array, device: Device): Tensor {
  let index = memo.indices.get(positions)
  if (!index) {
    index = untidied(() => tidy(() => tensor(positions).to({ device })))
    memo.indices.set(positions, index)
  }
  return index
}
