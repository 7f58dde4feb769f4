/**
 * Which rows a training step must compute. The formulation of the paper is a noised and a clean copy of the whole
 * sequence; most of these rows influence nothing that is learned (docs/reference.md, S1 to S3). Knows no tensors.
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

/**
 * What a clean token sees: the prompt, its pictures, and blocks that are finished.
 *
 * block: its own block and those before it (the authors).
 *
 * causal: itself and what is before it, so that clean keys and values are those of the autoregressive model (Fast-dVLM).
 */
export type CleanContext = "block" | "causal"

/** Size of the blocks in which clean tokens see each other. */
export const cleanBlockSize = (blockSize: number, context: CleanContext): number =>
  context === "causal" ? 1 : blockSize

/** Whether a clean row predicts the token at a position, whatever the noise of its block. */
export function predictedByClean(position: number, blockSize: number, shift: TokenShift): boolean {
  return shift === "next" && position % blockSize === 0
}

export interface NeededPositions {
  /** Clean rows 0, 1, … come first, then the noised blocks, copy by copy. */
  pattern: AttentionPattern
  /** Position in the sequence of each row. */
  positions: Int32Array
  /** 1 on the rows that hold the mask embedding. */
  masked: Uint8Array
  /** Rows whose hidden states predict something, ascending. */
  outputPositions: Int32Array
  /** What each output row predicts: a position, masked in a noised copy; copy −1 stands for the clean rows. */
  targets: { position: number; copy: number }[]
}

/**
 * @param length of the sequence
 * @param clean positions to predict from clean rows, ascending (see `predictedByClean`)
 * @param copies masked positions of each noised copy of the sequence, ascending. There must be something to predict.
 */
export function neededPositions(
  length: number,
  clean: ArrayLike<number>,
  copies: readonly Int32Array[],
  blockSize: number,
  shift: TokenShift,
  context: CleanContext = "block",
): NeededPositions {
  const blockOf = (position: number): number => Math.floor(position / blockSize)
  const targets = Array.from(clean, (position) => ({ position, copy: -1 }))
  for (const [copy, masked] of copies.entries())
    for (const position of masked) if (!predictedByClean(position, blockSize, shift)) targets.push({ position, copy })
  // Nobody who predicts sees clean rows of the last block with something to predict, or behind it.
  const cleanTokens = Math.max(...targets.map(({ position }) => blockOf(position))) * blockSize

  /** Blocks with something to predict in noised rows; a block starts at row `first`. */
  const noised: { copy: number; block: number; first: number }[] = []
  let rows = cleanTokens
  const noisedTargets = targets.slice(clean.length)
  const noisedRows = noisedTargets.map(({ position, copy }) => {
    const last = noised[noised.length - 1]
    const block = blockOf(position)
    if (last?.copy !== copy || last.block !== block) {
      noised.push({ copy, block, first: rows })
      rows += Math.min(blockSize, length - block * blockSize)
    }
    return noised[noised.length - 1].first + (position % blockSize)
  })
  const noisedBlocks = noised.map(({ block }) => block)
  const cleanBlock = cleanBlockSize(blockSize, context)
  const pattern = noisedOverClean({ cleanTokens, noisedBlocks, blockSize, length, cleanBlock })

  const positions = Int32Array.from({ length: rows }, (_, row) => row)
  const maskRows = new Uint8Array(rows)
  const maskedOf = copies.map((masked) => new Set(masked))
  noised.forEach(({ copy, block, first }, i) => {
    const end = noised[i + 1]?.first ?? rows
    for (let row = first; row < end; row++) {
      positions[row] = block * blockSize + row - first
      if (maskedOf[copy].has(positions[row])) maskRows[row] = 1
    }
  })
  const before = shift === "next" ? 1 : 0
  const outputPositions = [...Array.from(clean, (position) => position - 1), ...noisedRows.map((row) => row - before)]
  return { pattern, positions, masked: maskRows, outputPositions: Int32Array.from(outputPositions), targets }
}
