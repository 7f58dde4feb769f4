/** Forwards over blocks of a sequence with a cache of the clean blocks before: predicts masked tokens, stores clean rows. */

import type { LanguageModel } from "../../models/types.js"
import { blockCausal } from "../../nn/attention-pattern.js"
import type { KvCache } from "../../nn/kv-cache.js"
import { arange, cat, noGrad, type Tensor, tidy, untidied } from "../../torch/index.js"
import type { ForwardTrace } from "../decode-events.js"
import { type Predictions, type SamplingOptions, sampleTokens, type UniformSource } from "../sampling.js"
import type { TokenShift } from "./needed-rows.js"
import type { BlockSequence } from "./sequence.js"

export interface DenoiserOptions {
  blockSize: number
  maskToken: number
  shift: TokenShift
  sampling: SamplingOptions
  uniform: UniformSource
}

/** What is predicted for the masked rows of a block. */
export interface BlockPredictions extends Predictions {
  positions: Int32Array
  /** Missing when the logits were at hand already. */
  forward?: ForwardTrace
}

export class Denoiser {
  forwards = 0
  rows = 0
  milliseconds = 0
  readonly #model: LanguageModel
  readonly #sequence: BlockSequence
  readonly #cache: KvCache
  readonly #options: DenoiserOptions
  /**
   * With shift "next": logits [1, V] of the last clean row before the current block, which predict the block's first
   * token. They come from the forward that stored that row and serve every step of the block.
   */
  #before: Tensor | undefined

  constructor(model: LanguageModel, sequence: BlockSequence, options: DenoiserOptions) {
    this.#model = model
    this.#sequence = sequence
    this.#options = options
    this.#cache = model.newCache(sequence.rows)
  }

  /** Runs clean rows [start, end), whole blocks, and keeps their keys and values. */
  store(start: number, end: number): ForwardTrace {
    const predictsNext = this.#options.shift === "next" && end < this.#sequence.rows
    return this.#timed(() => {
      const { trace, logits } = this.#run(start, end, end - start, predictsNext ? [end - 1] : [])
      if (predictsNext) this.#keep(logits)
      return trace
    })
  }

  /**
   * Predicts the masked rows of the block [start, end).
   * @param pending clean rows right before `start` that are not in the cache yet: computed and stored by the same
   *   forward. The block sees them exactly as if they had been stored before (docs/reference.md, S12, S13).
   */
  predict(start: number, end: number, pending = 0): BlockPredictions {
    return this.#timed(() => {
      const { shift, sampling, uniform } = this.#options
      const positions = this.#sequence.maskedIn(start, end)
      const uniforms = sampling.temperature ? Array.from({ length: end - start }, uniform) : []
      const own = Array.from(positions, (row) => uniforms[row - start] ?? 0)
      if (shift === "same") {
        const { trace, logits } = this.#run(start - pending, end, pending, positions)
        return { positions, forward: trace, ...this.#sample(logits, own) }
      }
      return { positions, ...this.#predictNext(start, end, pending, positions, own) }
    })
  }

  /** Row i − 1 predicts token i; the block's first token was or is predicted by the clean row before the block. */
  #predictNext(
    start: number,
    end: number,
    pending: number,
    positions: Int32Array,
    uniforms: ArrayLike<number>,
  ): Predictions & { forward?: ForwardTrace } {
    const wantsFirst = positions[0] === start
    const inside = (wantsFirst ? positions.subarray(1) : positions).map((row) => row - 1)
    // A block of which only the first token is masked need not be computed at all: nobody looks at its rows.
    const last = inside.length > 0 ? end : start
    let forward: ForwardTrace | undefined
    let logits: Tensor | undefined
    if (last > start - pending) {
      const run = this.#run(start - pending, last, pending, pending > 0 && wantsFirst ? [start - 1, ...inside] : inside)
      forward = run.trace
      logits = run.logits
      if (pending > 0 && wantsFirst) {
        this.#keep(logits)
        return { forward, ...this.#sample(logits, uniforms) }
      }
    }
    const known = wantsFirst ? [this.#before as Tensor] : []
    return { forward, ...this.#sample(cat(logits ? [...known, logits] : known), uniforms) }
  }

  #sample(logits: Tensor, uniforms: ArrayLike<number>): Predictions {
    // Nothing trained with the shift ever predicts the mask; without it, the authors let it happen.
    if (this.#options.shift === "next") logits.narrow(1, this.#options.maskToken, 1).fill_(Number.NEGATIVE_INFINITY)
    return sampleTokens(logits, this.#options.sampling, uniforms)
  }

  /** Rows [start, end) behind the cache; keeps the first `stored` of them and gives logits [n, V] of the n wanted rows. */
  #run(start: number, end: number, stored: number, wanted: ArrayLike<number>): { trace: ForwardTrace; logits: Tensor } {
    const cached = this.#cache.length
    const rows = end - start
    const logits = tidy(() => {
      const embeddings = this.#sequence.embed(this.#model, start, end).unsqueeze(0)
      const hidden = this.#model.forward({
        embeddings,
        positions: arange(start, end).unsqueeze(0).to({ device: embeddings.device }),
        patterns: [blockCausal(rows, this.#options.blockSize, cached)],
        caches: [this.#cache],
        outputRows: [Int32Array.from(wanted, (row) => row - start)],
      })
      return this.#model.logits(hidden)
    })
    this.#cache.commit(stored)
    this.forwards++
    this.rows += rows
    return { trace: { rows, cached, stored }, logits }
  }

  /** Remembers the first row of `logits`. */
  #keep(logits: Tensor): void {
    this.#before?.dispose()
    this.#before = untidied(() => logits.narrow(0, 0, 1).clone())
  }

  #timed<T>(body: () => T): T {
    const started = performance.now()
    const result = noGrad(() => tidy(body))
    this.milliseconds += performance.now() - started
    return result
  }
}
