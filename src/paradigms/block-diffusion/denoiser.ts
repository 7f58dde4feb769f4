/** What forwards over the blocks of a sequence are asked for: to predict masked tokens, and to store clean ones. Plain data. */

import type { ForwardTrace } from "../decode-events.js"
import type { ForwardRequest, ForwardResult } from "../decode-loop.js"
import type { Predictions, UniformSource } from "../sampling.js"
import type { CleanContext, TokenShift } from "./needed-positions.js"
import type { BlockSequence } from "./sequence.js"

export interface BlockChoice {
  /** Whose tokens are predicted, ascending. */
  positions: Int32Array
  /** One number in [0, 1) for each of them; of no account in greedy decoding. */
  uniforms: readonly number[]
}

export interface DenoiserOptions {
  blockSize: number
  shift: TokenShift
  /** What stored tokens see. */
  context: CleanContext
  /** Whether tokens are drawn. */
  draws: boolean
  uniform: UniformSource
  /** Keeps the prompt's whole blocks only (Q7). */
  dropCache: boolean
}

/** What is predicted for the masked tokens of a block. */
export interface BlockPredictions extends Predictions {
  positions: Int32Array
  /** Missing when the logits were at hand already. */
  forward?: ForwardTrace
}

type Asking<T> = Generator<ForwardRequest<BlockChoice>, T, ForwardResult>

export class Denoiser {
  forwards = 0
  tokensComputed = 0
  milliseconds = 0
  /** Forwards after which the text was known. */
  forwardsToEnd: number | undefined
  readonly #sequence: BlockSequence
  readonly #options: DenoiserOptions
  /** Tokens in the cache. */
  #cached = 0
  /**
   * With shift "next": the last clean position before the current block, whose logits predict the block's first token. They
   * come from the forward that stored it and serve every step of the block.
   */
  #before: number | undefined

  constructor(sequence: BlockSequence, options: DenoiserOptions) {
    this.#sequence = sequence
    this.#options = options
  }

  /** Runs clean tokens [start, end), whole blocks, and keeps their keys and values, if any are kept. */
  *store(start: number, end: number): Asking<ForwardTrace> {
    const predictsNext = this.#options.shift === "next" && end < this.#sequence.length
    if (predictsNext) this.#before = end - 1
    const keeps = end <= this.#sequence.prefixTokens || !this.#options.dropCache
    const { forward } = yield* this.#ask(start, end, keeps ? end - start : 0, predictsNext ? [end - 1] : [])
    return forward as ForwardTrace
  }

  /**
   * Predicts the masked tokens of the block [start, end).
   * @param pending clean tokens right before `start` that are not in the cache yet: computed and stored by the same
   *   forward. The block sees them exactly as if they had been stored before (docs/reference.md, S12, S13).
   */
  *predict(start: number, end: number, pending = 0): Asking<BlockPredictions> {
    const { shift, draws, uniform } = this.#options
    const positions = this.#sequence.maskedIn(start, end)
    const drawn = draws ? Array.from({ length: end - start }, uniform) : []
    const choice = { positions, uniforms: Array.from(positions, (position) => drawn[position - start] ?? 0) }
    if (shift === "same") {
      const asked = yield* this.#ask(start - pending, end, pending, positions, choice)
      return { positions, ...asked }
    }
    // Position i − 1 predicts token i; the block's first token was or is predicted by the clean token before the block.
    const wantsFirst = positions[0] === start
    if (wantsFirst && pending > 0) this.#before = start - 1
    const inside = (wantsFirst ? positions.subarray(1) : positions).map((position) => position - 1)
    // A block of which only the first token is masked need not be computed at all: nobody looks at its tokens.
    const last = inside.length > 0 ? end : start
    const wanted = wantsFirst ? [this.#before as number, ...inside] : inside
    return { positions, ...(yield* this.#ask(start - pending, last, pending, wanted, choice)) }
  }

  *#ask(
    start: number,
    end: number,
    commit: number,
    wanted: ArrayLike<number>,
    choice?: BlockChoice,
  ): Asking<Predictions & { forward?: ForwardTrace }> {
    const keep = this.#before !== undefined && this.#before >= start ? this.#before : undefined
    const { blockSize, context } = this.#options
    const { ids, confidences, milliseconds } = yield {
      type: "forward",
      start,
      ids: this.#sequence.tokens(start, end),
      blockSize,
      commit,
      commitCausally: context === "causal",
      wanted: Int32Array.from(wanted),
      keep,
      choice,
    }
    const tokens = end - start
    const forward = { tokens, cached: this.#cached, stored: commit }
    if (tokens > 0) this.forwards++
    this.tokensComputed += tokens
    this.milliseconds += milliseconds
    this.#cached += commit
    return { ids, confidences, ...(tokens > 0 && { forward }) }
  }
}
