/** Which rows of a forward are wanted from the last layer, as indices. */

import { type AttentionPattern, selectRows } from "../nn/attention-pattern.js"
import { type Tensor, tensor } from "../torch/index.js"

/** One list for a batch of samples; with caches a list of one for each sequence. Attention plans each list once. */
export type Patterns = readonly (readonly AttentionPattern[])[]

/** The wanted rows of a batch, as a rectangle [B, S]: shorter lists are padded by row 0. With caches a row of all that are wanted. */
export interface RowSelection {
  perSample: number
  /** int64 [B · S], rows of [B · R]. */
  rows: Tensor
  /** int64 [wanted], places in [B · S] that are no padding; null when all are wanted. */
  wanted: Tensor | null
  patterns: Patterns
}

/** The wanted rows of sequences that lie behind one another. */
export function selectPacked(
  embeddings: Tensor,
  patterns: readonly AttentionPattern[],
  outputRows: readonly Int32Array[],
): RowSelection {
  let start = 0
  const rows = outputRows.flatMap((list, i) => {
    start += patterns[i].rows
    return Array.from(list, (row) => BigInt(start - patterns[i].rows + row))
  })
  return {
    perSample: rows.length,
    rows: tensor(BigInt64Array.from(rows)).to({ device: embeddings.device }),
    wanted: null,
    patterns: patterns.map((pattern, i) => [selectRows(pattern, outputRows[i])]),
  }
}

/** The wanted rows of a batch of samples. */
export function selectOutputs(
  embeddings: Tensor,
  patterns: readonly AttentionPattern[],
  outputRows: readonly Int32Array[],
): RowSelection {
  const [batch, total] = embeddings.shape
  const perSample = Math.max(1, ...outputRows.map((rows) => rows.length))
  const rows = new BigInt64Array(batch * perSample)
  const wanted: bigint[] = []
  outputRows.forEach((list, sample) => {
    for (let i = 0; i < perSample; i++) {
      rows[sample * perSample + i] = BigInt(sample * total + (list[i] ?? 0))
      if (i < list.length) wanted.push(BigInt(sample * perSample + i))
    }
  })
  const index = (values: BigInt64Array): Tensor => tensor(values).to({ device: embeddings.device })
  return {
    perSample,
    rows: index(rows),
    wanted: wanted.length === rows.length ? null : index(BigInt64Array.from(wanted)),
    patterns: [patterns.map((pattern, sample) => selectRows(pattern, outputRows[sample]))],
  }
}
