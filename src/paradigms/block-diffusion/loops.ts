/** The two ways through the blocks of a sequence: the authors' and the fast one. Both know no tensors. */

import type { CommitEvent, PrefillEvent, StepEvent } from "../decode-events.js"
import type { ForwardRequest, ForwardResult } from "../decode-loop.js"
import type { BlockChoice, Denoiser } from "./denoiser.js"
import { type RemaskingStrategy, selectTokens } from "./remasking.js"
import type { BlockSequence } from "./sequence.js"

export interface LoopOptions {
  /** Tokens to make final in each step of a block. */
  schedule: readonly number[]
  strategy: RemaskingStrategy
  threshold: number
  /** Finished blocks are forgotten (Q7). */
  dropCache: boolean
}

type LoopEvents = Generator<ForwardRequest<BlockChoice> | PrefillEvent | StepEvent | CommitEvent, void, ForwardResult>

/** Predicts the block's masked tokens once and makes the schedule's share of them final. */
function* denoise(
  sequence: BlockSequence,
  denoiser: Denoiser,
  { strategy, threshold }: LoopOptions,
  { block, step, count, pending }: { block: number; step: number; count: number; pending: number },
): Generator<ForwardRequest<BlockChoice>, StepEvent, ForwardResult> {
  const [start, end] = sequence.block(block)
  const { positions, ids, confidences, forward } = yield* denoiser.predict(start, end, pending)
  const chosen = selectTokens(confidences, count, strategy, threshold, (i) => sequence.endsAnswer(ids[i]))
  for (const i of chosen) sequence.unmask(positions[i], ids[i])
  const fixed = Int32Array.from(chosen, (i) => positions[i])
  if (sequence.isComplete()) denoiser.forwardsToEnd ??= denoiser.forwards
  return { type: "step", block, step, start, end, positions, ids, confidences, fixed, forward }
}

/**
 * The authors' loop, quirks included (docs/reference.md, "Block decoding"): a forward of its own for the prompt and for
 * storing each finished block; one iteration more than there are steps; a block that is not finished before the last
 * iteration is never stored, and later blocks do not see it; end-of-sequence tokens are looked for in finished blocks
 * only; positions behind the asked length are generated to fill the last block.
 */
export function* referenceLoop(sequence: BlockSequence, denoiser: Denoiser, options: LoopOptions): LoopEvents {
  const prefix = sequence.prefixTokens
  if (prefix > 0) yield { type: "prefill", tokens: prefix, forward: yield* denoiser.store(0, prefix) }
  for (let block = sequence.firstBlock; block < sequence.endBlock; block++) {
    const [start, end] = sequence.block(block)
    for (const [step, count] of options.schedule.entries()) {
      if (sequence.maskedIn(start, end).length === 0) {
        yield { type: "commit", block, tokens: end - start, forward: yield* denoiser.store(start, end) }
        break
      }
      yield yield* denoise(sequence, denoiser, options, { block, step, count, pending: 0 })
    }
    if (sequence.hasEos(start, end)) return
  }
}

/**
 * The same tokens up to the first end-of-sequence token with fewer forwards: the prompt and each finished block are
 * stored by the first forward of the next block, the last is not stored, and decoding ends when the text is settled.
 */
export function* fastLoop(sequence: BlockSequence, denoiser: Denoiser, options: LoopOptions): LoopEvents {
  let pending = sequence.prefixTokens
  for (let block = sequence.firstBlock; block < sequence.endBlock; block++) {
    const [start, end] = sequence.block(block)
    let finished = false
    for (const [step, count] of options.schedule.entries()) {
      finished = sequence.maskedIn(start, end).length === 0
      if (finished) break
      const event = yield* denoise(sequence, denoiser, options, { block, step, count, pending })
      if (pending > 0)
        yield block === sequence.firstBlock
          ? { type: "prefill", tokens: pending }
          : { type: "commit", block: block - 1, tokens: pending }
      pending = 0
      yield event
      if (sequence.isComplete()) return
    }
    if (sequence.hasEos(start, end)) return
    // As in the authors' loop, a block that was not finished in time stays out of the cache.
    pending = finished && !options.dropCache ? end - start : 0
  }
}
