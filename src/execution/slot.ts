/** What is kept of one sequence while it is decoded: its prompt, its cache, and the logits it may ask for again. */

import type { LanguageModel } from "../models/types.js"
import type { KvCache } from "../nn/kv-cache.js"
import type { ForwardRequest } from "../paradigms/decode-loop.js"
import { embedPrompt, type Prompt, promptPositions } from "../paradigms/prompt.js"
import { cat, noGrad, type Tensor, tidy, untidied } from "../torch/index.js"

/** A part of a request that is computed at once. */
export interface Piece extends ForwardRequest {
  /** Whether it is the one that predicts. */
  last: boolean
  /** Tokens of the sequence up to the end of the whole request. */
  length: number
}

export class Slot {
  readonly cache: KvCache
  readonly #model: LanguageModel
  readonly #prompt: Prompt
  /** [P, H] */
  readonly #embeddings: Tensor
  /** Tokens that were in the cache before the loop asked for them. */
  readonly #shared: number
  #kept: { position: number; logits: Tensor } | undefined
  #disposed = false

  /** @param length tokens that the cache must have room for */
  constructor(model: LanguageModel, prompt: Prompt, length: number, prefix?: Slot) {
    this.#model = model
    this.#prompt = prompt
    this.#embeddings = untidied(() => noGrad(() => tidy(() => embedPrompt(model, prompt))))
    this.#shared = prefix ? prefix.cache.length : 0
    this.cache = prefix ? prefix.cache.clone() : model.newCache(length)
  }

  get isDisposed(): boolean {
    return this.#disposed
  }

  /**
   * The request without what a shared prefix holds already, in pieces of at most `mostRows` tokens where its beginning only
   * fills the cache. They end with blocks, so that every token sees what it would see in one forward.
   */
  *pieces(request: ForwardRequest, mostTokens: number): Generator<Piece> {
    const { blockSize, wanted } = request
    let { start, ids, commit } = request
    const length = start + ids.length
    const skip = start === 0 ? Math.min(this.#shared, commit, (wanted[0] ?? commit) - start) : 0
    const cut = (tokens: number): void => {
      start += tokens
      ids = ids.subarray(tokens)
      commit -= tokens
    }
    // The first blocks that are shared; a prediction from the last of them needs it computed.
    if (skip > 0) cut(Number.isFinite(blockSize) ? skip - (skip % blockSize) : 0)
    const step = Math.max(1, Math.floor(mostTokens / blockSize)) * blockSize
    while (
      Number.isFinite(blockSize) &&
      ids.length > mostTokens &&
      commit >= step &&
      (wanted[0] ?? Infinity) >= start + step
    ) {
      const piece = { start, ids: ids.subarray(0, step), commit: step, wanted: new Int32Array() }
      cut(step)
      yield { ...request, ...piece, keep: undefined, companion: undefined, choice: undefined, last: false, length }
    }
    yield { ...request, start, ids, commit, last: true, length }
  }

  /** Positions [start, start + L) as the model sees them, [L, H]. */
  embed({ start, ids }: ForwardRequest): Tensor {
    const [prompt] = this.#embeddings.shape
    const inPrompt = Math.min(ids.length, Math.max(0, prompt - start))
    const parts: Tensor[] = []
    if (inPrompt > 0) parts.push(this.#embeddings.narrow(0, start, inPrompt))
    if (inPrompt < ids.length) parts.push(this.#model.embed(ids.slice(inPrompt)))
    return parts.length === 1 ? parts[0] : cat(parts)
  }

  /** int64 [1, L], or [3, 1, L] for a model with three axes. */
  positions({ start, ids }: Pick<ForwardRequest, "start" | "ids">): Tensor {
    return promptPositions(this.#prompt, start, start + ids.length, this.#embeddings.device)
  }

  /** Logits [1, V] of the position that was kept. */
  kept(position: number): Tensor {
    if (this.#kept?.position !== position) throw new RangeError(`the logits of position ${position} were not kept`)
    return this.#kept.logits
  }

  keep(position: number, logits: Tensor): void {
    this.#kept?.logits.dispose()
    this.#kept = { position, logits: untidied(() => logits.clone()) }
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#embeddings.dispose()
    this.#kept?.logits.dispose()
    this.cache.dispose()
  }
}
