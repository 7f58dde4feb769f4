/** The way through the blocks of an answer under full diffusion. Knows no tensors. */

import type { StepEvent } from "../decode-events.js"
import type { ForwardRequest, ForwardResult } from "../decode-loop.js"
import type { UniformSource } from "../sampling.js"
import type { FullChoice } from "./choice.js"
import { adaptiveShare, evenShares, type FullRemasking, ranking } from "./remasking.js"
import type { FullSequence } from "./sequence.js"

export interface FullLoopOptions {
  promptLength: number
  blockSize: number
  stepsPerBlock: number
  remasking: FullRemasking
  threshold?: number
  prefixRefresh?: number
  shift: "same" | "next"
  /** Whether tokens are drawn. */
  draws: boolean
  guided: boolean
  uniform: UniformSource
  reference: boolean
}

export interface LoopCounts {
  forwards: number
  tokensComputed: number
  milliseconds: number
  /** Forwards after which the text was known. */
  forwardsToEnd?: number
}

type Events = Generator<ForwardRequest<FullChoice> | StepEvent, void, ForwardResult>

export function* denoiseBlocks(sequence: FullSequence, options: FullLoopOptions, counts: LoopCounts): Events {
  const { promptLength, blockSize, stepsPerBlock, threshold, reference } = options
  const blocks = (sequence.length - promptLength) / blockSize
  for (let block = 0; block < blocks; block++) {
    const start = promptLength + block * blockSize
    const shares = evenShares(sequence.maskedIn(start, start + blockSize).length, stepsPerBlock)
    // An adaptive share is one token at least: there is no schedule to keep to.
    const steps = threshold === undefined ? stepsPerBlock : blockSize
    for (let step = 0; step < steps; step++) {
      const stop = sequence.stopPosition()
      if (stop !== undefined && sequence.maskedIn(promptLength, stop).length === 0) return
      if (!reference && sequence.isEnded()) return
      if (sequence.maskedIn(start, start + blockSize).length === 0) break
      yield yield* denoise(sequence, options, counts, { block, step, start, share: shares[step] })
    }
  }
}

/** Predicts the masked tokens of a block, and of earlier ones if there are any left, and makes some of them final. */
function* denoise(
  sequence: FullSequence,
  { promptLength, blockSize, remasking, threshold, prefixRefresh, shift, draws, guided, uniform }: FullLoopOptions,
  counts: LoopCounts,
  { block, step, start, share }: { block: number; step: number; start: number; share: number },
): Generator<ForwardRequest<FullChoice>, StepEvent, ForwardResult> {
  const before = shift === "next" ? 1 : 0
  const isCached = prefixRefresh !== undefined && step % prefixRefresh > 0
  const end = start + blockSize
  // Nothing behind a stop sequence is decided any more.
  const positions = sequence.maskedIn(isCached ? start : promptLength, Math.min(end, sequence.stopPosition() ?? end))
  const drawn = draws ? Array.from({ length: sequence.length - promptLength }, uniform) : []
  // The position that predicts the block's first token is computed with the block.
  const first = isCached ? start - before : 0
  const commit = prefixRefresh !== undefined && !isCached ? start - before : 0
  const companion = guided ? sequence.withoutPrompt() : undefined
  const { ids, confidences, logConfidences, milliseconds } = yield {
    type: "forward",
    start: first,
    ids: sequence.tokens(first, sequence.length),
    blockSize: Number.POSITIVE_INFINITY,
    commit,
    wanted: positions.map((position) => position - before),
    companion,
    choice: { positions, uniforms: draws ? Array.from(positions, (position) => drawn[position - promptLength]) : [] },
  }
  const scores = scoresOf(remasking, positions, sequence.length, logConfidences ?? confidences, uniform)
  const order = ranking(scores)
  const sorted = order.map((i) => (remasking === "random" ? scores[i] : confidences[i]))
  const count = threshold === undefined ? share : adaptiveShare(sorted, threshold)
  const chosen = order.slice(0, count).sort((a, b) => a - b)
  for (const i of chosen) sequence.fix(positions[i], ids[i])

  const tokens = sequence.length - first
  counts.forwards++
  counts.tokensComputed += tokens + (companion?.length ?? 0)
  counts.milliseconds += milliseconds
  const stop = sequence.stopPosition()
  if (sequence.isEnded() || sequence.maskedIn(promptLength, stop ?? sequence.length).length === 0)
    counts.forwardsToEnd ??= counts.forwards
  const fixed = Int32Array.from(chosen, (i) => positions[i])
  const forward = { tokens, cached: first, stored: commit }
  return { type: "step", block, step, start, end, positions, ids, confidences, fixed, forward }
}

/** What decides which tokens become final: how sure the model is of them, or a number for every position of the sequence. */
function scoresOf(
  remasking: FullRemasking,
  positions: Int32Array,
  length: number,
  logConfidences: Float32Array,
  uniform: UniformSource,
): ArrayLike<number> {
  if (remasking === "low_confidence") return logConfidences
  const random = Array.from({ length }, uniform)
  return Array.from(positions, (position) => random[position])
}
