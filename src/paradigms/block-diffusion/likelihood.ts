/** How likely given answers are to a block-diffusion model. */

import { randomFrom } from "../../data/prng.js"
import { maskedSamples } from "../likelihood/masked-samples.js"
import { LikelihoodPlan, type PlannedRows } from "../likelihood/plan.js"
import type { LikelihoodBound } from "../paradigm.js"
import { type CleanContext, cleanBlockSize, predictedByClean, type TokenShift } from "./needed-positions.js"

export interface BlockLikelihoodOptions {
  blockSize: number
  maskToken: number
  /** An estimate of the bound that training lowers. @default exact by the chain rule */
  bound?: LikelihoodBound
  /** @default "same" */
  shift?: TokenShift
  /** @default "block" */
  context?: CleanContext
}

/** A copy of a block, and its masked tokens that are predicted in it. */
interface NoisedBlock {
  /** Position of its first token. */
  start: number
  /** Of positions in the answer; what is behind its end is always masked. */
  isMasked: (position: number) => boolean
  predicted: readonly number[]
  weight?: number
  sample?: number
}

/**
 * log p(answer | prompt), per answer. An answer that should be a whole one ends with the end-of-sequence token.
 *
 * Exact: of a decoder that fixes the tokens of a block from left to right, one per step: Σ log p(token |
 * clean blocks before, tokens of its block before it, the rest of the block masked). A proper likelihood by the chain
 * rule, comparable with the autoregressive one and equal to it at block size 1 with shift "next".
 *
 * Bound: block by block the mean over samples of L / l · Σ log p(masked token | clean blocks before, the rest of its block), where l of
 * the block's L tokens of the answer are masked (`maskedSamples`): the training objective with noise levels over all of (0, 1). In
 * expectation it is the mean over all orders within blocks of the log-likelihood of the order, and never exceeds the log of
 * their mean likelihood. What a clean row predicts (shift "next") has no noise: its term is exact.
 *
 * The prompt's whole blocks are computed once; for each answer its clean blocks but the last, and copies of blocks as they are
 * before a step, or as a sample masks them.
 */
export function blockLikelihoods(
  promptTokens: number,
  answers: readonly Int32Array[],
  { blockSize, maskToken, bound, shift = "same", context = "block" }: BlockLikelihoodOptions,
): LikelihoodPlan {
  const prefix = promptTokens - (promptTokens % blockSize)
  const cleanBlock = cleanBlockSize(blockSize, context)
  const beginning = { tokens: prefix, blockSize: cleanBlock }
  const plan = new LikelihoodPlan({ answers: answers.length, beginning, samples: bound?.samples })
  // Copies that look alike, of choices that begin alike or of samples that mask alike, are computed once.
  const copies = new Map<string, { rows: PlannedRows; begin: number }>()
  answers.forEach((tokens, answer) => {
    if (tokens.length === 0) return
    const end = promptTokens + tokens.length
    const lastBlock = end - 1 - ((end - 1) % blockSize)
    const most = 3 * (lastBlock - prefix)
    /** Tokens at positions [from, to); those of the prompt are known. */
    const shown = (from: number, to: number, isMasked: NoisedBlock["isMasked"]): number[] =>
      Array.from({ length: to - from }, (_, i) => {
        const position = from + i
        if (position < promptTokens) return 0
        return position < end && !isMasked(position) ? tokens[position - promptTokens] : maskToken
      })
    const add = (rows: PlannedRows, from: number, ids: readonly number[]): void => {
      ids.forEach((id, i) => {
        if (from + i < promptTokens) rows.addPrompt(from + i)
        else rows.addToken(id, from + i)
      })
    }
    const clean = shown(prefix, lastBlock, () => false)
    const addClean = (rows: PlannedRows): number => {
      const first = rows.length
      add(rows, prefix, clean)
      for (let row = first; row < rows.length; row += cleanBlock)
        rows.see([row, row + cleanBlock], [0, prefix], [first, row + cleanBlock])
      return first
    }
    let rows = plan.withRoom(lastBlock - prefix + blockSize, most)
    let first = addClean(rows)
    const isClean = (position: number): boolean => predictedByClean(position, blockSize, shift)
    for (let position = promptTokens; position < end; position++) {
      if (!isClean(position)) continue
      const token = tokens[position - promptTokens]
      if (position === prefix) plan.first.predict({ answer, row: prefix - 1, token })
      else rows.predict({ answer, row: first + position - 1 - prefix, token })
    }
    const positions = Array.from({ length: tokens.length }, (_, i) => promptTokens + i)
    const blocks = bound ? sampledBlocks(positions, blockSize, bound) : chainBlocks(positions, blockSize)
    for (const { start, isMasked, predicted, weight, sample } of blocks) {
      const noised = predicted.filter((position) => !isClean(position))
      if (noised.length === 0) continue
      const ids = shown(start, start + blockSize, isMasked)
      // The first block sees nothing of its answer before it.
      const key = [start === prefix ? -1 : answer, start, ...ids].join()
      let copy = copies.get(key)
      if (!copy) {
        const next = plan.withRoom(blockSize, most)
        if (next !== rows) [rows, first] = [next, addClean(next)]
        copy = { rows, begin: rows.length }
        copies.set(key, copy)
        add(rows, start, ids)
        rows.see([copy.begin, rows.length], [0, prefix], [first, first + start - prefix], [copy.begin, rows.length])
      }
      for (const position of noised) {
        const row = copy.begin + position - start - (shift === "next" ? 1 : 0)
        copy.rows.predict({ answer, row, token: tokens[position - promptTokens], weight, sample })
      }
    }
  })
  return plan
}

/** A copy of its block for each position, masked from there on. */
const chainBlocks = (positions: readonly number[], blockSize: number): NoisedBlock[] =>
  positions.map((position) => ({
    start: position - (position % blockSize),
    isMasked: (other) => other >= position,
    predicted: [position],
  }))

/** Each answer has the same random numbers: its value does not depend on those beside it. */
function sampledBlocks(
  positions: readonly number[],
  blockSize: number,
  { samples, seed }: LikelihoodBound,
): NoisedBlock[] {
  const uniform = randomFrom(seed)
  const starts = new Set(positions.map((position) => position - (position % blockSize)))
  return Array.from(starts).flatMap((start) => {
    const own = positions.filter((position) => position >= start && position < start + blockSize)
    return maskedSamples(own.length, samples, uniform).map(({ masked, weight }, sample): NoisedBlock => {
      const predicted = masked.map((i) => own[i])
      const hidden = new Set(predicted)
      return { start, isMasked: (position) => hidden.has(position), predicted, weight, sample }
    })
  })
}
