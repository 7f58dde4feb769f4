/** Which positions of a forward are wanted from the last layer, as indices. */

import { type AttentionPattern, selectQueries } from "../../nn/attention-pattern.js"
import { type Tensor, tensor } from "../../torch/index.js"

/** One list for a batch of samples; with caches a list of one for each sequence. Attention plans each list once. */
export type Patterns = readonly (readonly AttentionPattern[])[]

/** The wanted positions of a batch, as a rectangle [B, S]: shorter lists are padded by position 0. With caches one list of all. */
export interface OutputSelection {
  perSample: number
  /** int64 [B · S], indices into [B · R]. */
  positions: Tensor
  /** int64 [wanted], indices into [B · S] that are no padding; null when all are wanted. */
  wanted: Tensor | null
  patterns: Patterns
}

/** Rows [B, R, H] → the wanted ones [wanted, H], as the last layer gives them; all of them where nothing is selected. */
export function selectRows(rows: Tensor, selection: OutputSelection | undefined): Tensor {
  if (!selection) return rows
  const picked = rows.flatten(0, 1).indexSelect(0, selection.positions)
  return selection.wanted ? picked.indexSelect(0, selection.wanted) : picked
}

/** The wanted positions of sequences that lie behind one another. */
export function selectPacked(
  embeddings: Tensor,
  patterns: readonly AttentionPattern[],
  outputPositions: readonly Int32Array[],
): OutputSelection {
  let start = 0
  const positions = outputPositions.flatMap((list, i) => {
    start += patterns[i].queries
    return Array.from(list, (position) => BigInt(start - patterns[i].queries + position))
  })
  return {
    perSample: positions.length,
    positions: tensor(BigInt64Array.from(positions)).to({ device: embeddings.device }),
    wanted: null,
    patterns: patterns.map((pattern, i) => [selectQueries(pattern, outputPositions[i])]),
  }
}

/** The wanted positions of a batch of samples. */
export function selectOutputs(
  embeddings: Tensor,
  patterns: readonly AttentionPattern[],
  outputPositions: readonly Int32Array[],
): OutputSelection {
  const [batch, total] = embeddings.shape
  const perSample = Math.max(1, ...outputPositions.map((list) => list.length))
  const positions = new BigInt64Array(batch * perSample)
  const wanted: bigint[] = []
  outputPositions.forEach((list, sample) => {
    for (let i = 0; i < perSample; i++) {
      positions[sample * perSample + i] = BigInt(sample * total + (list[i] ?? 0))
      if (i < list.length) wanted.push(BigInt(sample * perSample + i))
    }
  })
  const index = (values: BigInt64Array): Tensor => tensor(values).to({ device: embeddings.device })
  return {
    perSample,
    positions: index(positions),
    wanted: wanted.length === positions.length ? null : index(BigInt64Array.from(wanted)),
    patterns: [patterns.map((pattern, sample) => selectQueries(pattern, outputPositions[sample]))],
  }
}
