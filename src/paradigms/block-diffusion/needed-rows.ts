/**
 * Which rows a training step must compute. The formulation of the paper is a noised and a clean copy of the whole
 * sequence; most of these rows influence nothing that is learned (reference behaviour 8.1–8.3). Knows no tensors.
 */

import { type AttentionPattern, noisedOverClean } from "../../nn/attention-pattern.js"

/**
 * Which hidden state predicts the token at position i, in training and in decoding.
 *
 * same: that of row i itself, noised (the authors).
 *
 * next: that of row i − 1, as in the autoregressive model the weights come from. Inside a block this is the noised row
 * i − 1. When i starts a block it is the last clean row before it, which sees its own block and those before. Position 0
 * has no row before it and is never masked.
 */
export type TokenShift = "same" | "next"

export interface NeededRows {
  /** Clean rows 0, 1, … come first, then the noised blocks. */
  pattern: AttentionPattern
  /** Position in the sequence of each row. */
  positions: Int32Array
  /** 1 on the rows that hold the mask embedding. */
  masked: Uint8Array
  /** Rows whose hidden states predict something, ascending. */
  outputRows: Int32Array
  /** Position that each output row predicts. */
  targets: Int32Array
}

/**
 * @param length of the sequence
 * @param masked positions, ascending, at least one; not position 0 when the shift is "next"
 */
export function neededRows(length: number, masked: Int32Array, blockSize: number, shift: TokenShift): NeededRows {
  const blockOf = (position: number): number => Math.floor(position / blockSize)
  // Nobody who predicts sees clean rows of the last block with a masked token, or behind it.
  const cleanRows = blockOf(masked[masked.length - 1]) * blockSize
  // A block of which only the first token is masked is predicted by the clean row before it.
  const byClean = (position: number): boolean => shift === "next" && position % blockSize === 0
  const noisedBlocks = [
    ...new Set(
      Array.from(
        masked.filter((position) => !byClean(position)),
        blockOf,
      ),
    ),
  ]
  const lastBlock = noisedBlocks[noisedBlocks.length - 1] ?? 0
  const lastBlockRows = Math.min(blockSize, length - lastBlock * blockSize)
  const pattern = noisedOverClean({ cleanRows, noisedBlocks, blockSize, lastBlockRows })

  const positions = Int32Array.from({ length: pattern.rows }, (_, row) =>
    row < cleanRows ? row : noisedBlocks[blockOf(row - cleanRows)] * blockSize + ((row - cleanRows) % blockSize),
  )
  const noisedRow = new Map(Array.from(positions.subarray(cleanRows), (position, i) => [position, cleanRows + i]))
  const maskRows = new Uint8Array(pattern.rows)
  for (const position of masked) {
    const row = noisedRow.get(position)
    if (row !== undefined) maskRows[row] = 1
  }
  // Clean rows come first, so that the output rows ascend.
  const targets = [...masked.filter(byClean), ...masked.filter((position) => !byClean(position))]
  const outputRows = targets.map((position) => {
    if (byClean(position)) return position - 1
    return (noisedRow.get(position) as number) - (shift === "next" ? 1 : 0)
  })
  return {
    pattern,
    positions,
    masked: maskRows,
    outputRows: Int32Array.from(outputRows),
    targets: Int32Array.from(targets),
  }
}
