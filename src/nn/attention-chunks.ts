/**
 * Attention over long sequences on the CPU: queries in chunks, each over the keys all of them see and, under a small
 * mask, over the others; the parts are merged by log-sum-exp. Memory grows with the length, not with its square.
 */

import {
  cat,
  customFunction,
  type DType,
  empty,
  operator,
  type Tensor,
  tensor,
  tidy,
  untidied,
  zeros,
} from "../torch/index.js"
import type { AttentionPattern, Interval } from "./attention-pattern.js"
import { type Chunk, chunks } from "./attention-plan.js"

/** Queries per chunk; from 192 to 384 makes no measurable difference. */
const CHUNK_QUERIES = 256

const forwardKernel = operator("aten::_scaled_dot_product_flash_attention_for_cpu")
const backwardKernel = operator("aten::_scaled_dot_product_flash_attention_for_cpu_backward")

/** One call of the kernel: queries of a sample over some of their keys. */
interface Part {
  queries: Interval
  keys: readonly Interval[]
  /** [1, 1, queries, keys], 0 or −∞; null when every query sees every key. */
  mask: Tensor | null
  /** [queries], 0 or −∞ where a query sees none of these keys; null when there is no such query. */
  unseen: Tensor | null
}

/** The parts of each chunk of each sample. Their tensors live until they are disposed of. */
export type ChunkedPatterns = readonly (readonly (readonly Part[])[])[]

/** What `attentionInChunks` does for these patterns, made once for all layers of a forward. */
export function inChunks(patterns: readonly AttentionPattern[], dtype: DType): ChunkedPatterns {
  const known = new Map<AttentionPattern, Part[][]>()
  return patterns.map((pattern) => {
    const parts =
      known.get(pattern) ??
      untidied(() => chunks(pattern, CHUNK_QUERIES).map((chunk) => tidy(() => partsOfChunk(chunk, dtype))))
    known.set(pattern, parts)
    return parts
  })
}

/** Frees the masks that were made for the chunks. */
export function disposeChunks(patterns: ChunkedPatterns): void {
  const parts = new Set(patterns.flat(2))
  for (const { mask, unseen } of parts) for (const made of [mask, unseen]) made?.dispose()
}

function partsOfChunk({ queries, shared, masked, mask }: Chunk, dtype: DType): Part[] {
  const parts = shared.map((interval): Part => ({ queries, keys: [interval], mask: null, unseen: null }))
  if (masked.length > 0) {
    const height = queries[1] - queries[0]
    const width = mask.length / height
    const querySees = Float32Array.from({ length: height }, (_, r) =>
      mask.subarray(r * width, (r + 1) * width).includes(1) ? 0 : Number.NEGATIVE_INFINITY,
    )
    const additive = (values: Float32Array, shape: number[]): Tensor => tensor(values, shape).to(dtype)
    parts.push({
      queries,
      keys: masked,
      mask: additive(
        Float32Array.from(mask, (seen) => (seen ? 0 : Number.NEGATIVE_INFINITY)),
        [1, 1, height, width],
      ),
      unseen: querySees.includes(Number.NEGATIVE_INFINITY) ? tensor(querySees) : null,
    })
  }
  return parts
}

/** Positions of one sample and interval, as a view: x [B, heads, n, d] → [1, heads, positions, d]. */
const positionsOf = (x: Tensor, sample: number, [start, end]: Interval): Tensor =>
  x.narrow(0, sample, 1).narrow(2, start, end - start)

const keysOf = (x: Tensor, sample: number, keys: readonly Interval[]): Tensor =>
  cat(
    keys.map((interval) => positionsOf(x, sample, interval)),
    2,
  )

/** As `attention`, with q [B, H, R, d], k and v [B, Hkv, K, d] and patterns in chunks of q's type. */
export function attentionInChunks(q: Tensor, k: Tensor, v: Tensor, parts: ChunkedPatterns, scale: number): Tensor {
  let logSums: Tensor
  const [output] = customFunction([q, k, v], {
    forward: () => {
      const result = tidy(() => run(q, k, v, parts, scale))
      logSums = result.logSums
      return [result.output]
    },
    backward: ([grad], [output]) =>
      grad ? tidy(() => runBackward(grad, q, k, v, output, logSums, parts, scale)) : [null, null, null],
  })
  return output
}

function run(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  parts: ChunkedPatterns,
  scale: number,
): { output: Tensor; logSums: Tensor } {
  const [batch, heads, queries, width] = q.shape
  // The memory order of the kernel's own output: queries before heads.
  const output = zeros([batch, queries, heads, width], { dtype: q.dtype }).transpose(1, 2)
  const logSums = empty([batch, queries, heads], { dtype: q.dtype === "float64" ? "float64" : "float32" }).transpose(
    1,
    2,
  )
  parts.forEach((ofSample, sample) => {
    for (const ofChunk of ofSample) {
      tidy(() => {
        const { queries } = ofChunk[0]
        let merged: { out: Tensor; logSum: Tensor } | undefined
        for (const part of ofChunk) {
          const [out, raw] = forwardKernel.callAll([
            positionsOf(q, sample, part.queries),
            keysOf(k, sample, part.keys),
            keysOf(v, sample, part.keys),
            0,
            false,
            part.mask,
            scale,
          ]) as [Tensor, Tensor]
          // The kernel gives 0 for a query that sees nothing: such a query must weigh nothing.
          const logSum = part.unseen ? raw.add(part.unseen) : raw
          merged = merged ? merge(merged, { out, logSum }) : { out, logSum }
        }
        positionsOf(output, sample, queries).copy_(merged!.out)
        logSums
          .narrow(0, sample, 1)
          .narrow(2, queries[0], queries[1] - queries[0])
          .copy_(merged!.logSum)
      })
    }
  })
  return { output, logSums }
}

const logAddExp = operator("aten::logaddexp")

function merge(
  a: { out: Tensor; logSum: Tensor },
  b: { out: Tensor; logSum: Tensor },
): { out: Tensor; logSum: Tensor } {
  const logSum = logAddExp.call(a.logSum, b.logSum)
  const weight = (part: { logSum: Tensor }): Tensor => part.logSum.sub(logSum).exp().unsqueeze(3)
  const out = a.out.mul(weight(a)).add(b.out.mul(weight(b)))
  return { out: out.to(a.out.dtype), logSum }
}

/** Exact: given the merged output and log-sum-exp, each part's gradient is that of the whole softmax. */
function runBackward(
  grad: Tensor,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  output: Tensor,
  logSums: Tensor,
  parts: ChunkedPatterns,
  scale: number,
): Tensor[] {
  const [dq, dk, dv] = [q, k, v].map((x) => zeros([...x.shape], { dtype: x.dtype }))
  parts.forEach((ofSample, sample) => {
    for (const part of ofSample.flat()) {
      tidy(() => {
        const logSum = logSums.narrow(0, sample, 1).narrow(2, part.queries[0], part.queries[1] - part.queries[0])
        const [gq, gk, gv] = backwardKernel.callAll([
          positionsOf(grad, sample, part.queries),
          positionsOf(q, sample, part.queries),
          keysOf(k, sample, part.keys),
          keysOf(v, sample, part.keys),
          positionsOf(output, sample, part.queries),
          logSum,
          0,
          false,
          part.mask,
          scale,
        ]) as Tensor[]
        positionsOf(dq, sample, part.queries).add_(gq)
        let first = 0
        for (const interval of part.keys) {
          const length = interval[1] - interval[0]
          positionsOf(dk, sample, interval).add_(gk.narrow(2, first, length))
          positionsOf(dv, sample, interval).add_(gv.narrow(2, first, length))
          first += length
        }
      })
    }
  })
  return [dq, dk, dv]
}
