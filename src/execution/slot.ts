/** What is kept of one sequence while it is decoded: its prompt, its cache, and the logits it may ask for again. */

import type { LanguageModel } from "../models/types.js"
import type { KvCache } from "../nn/kv-cache.js"
import type { ForwardRequest } from "../paradigms/decode-loop.js"
import { embedPrompt, type Prompt, positionsOf, rowsFrom } from "../paradigms/prompt.js"
import { embedSources } from "../paradigms/sequence-input.js"
import { noGrad, type Tensor, tidy, untidied } from "../torch/index.js"
import type { Asked } from "./batch.js"
import { type Content, contentOf, featureNamesOf } from "./content.js"
import type { SequenceRows } from "./packed-rows.js"
import { isSameKind, type PrefixKind } from "./prefix-cache.js"

export class Slot {
  readonly cache: KvCache
  readonly promptTokens: number
  /** Tokens that were in the cache before they were asked for. */
  cachedTokens = 0
  readonly #model: LanguageModel
  readonly #prompt: Prompt
  /** [P, E] */
  readonly #embeddings: Tensor
  /** Tokens behind the prompt that are in the cache. */
  readonly #following: number[] = []
  #pictures: readonly string[] | undefined
  #known: { kind: PrefixKind | undefined; tokens: number } = { kind: undefined, tokens: 0 }
  #kept: { position: number; logits: Tensor } | undefined
  #disposed = false

  /** @param length tokens that the cache must have room for */
  constructor(model: LanguageModel, prompt: Prompt, length: number) {
    this.#model = model
    this.#prompt = prompt
    this.promptTokens = prompt.ids.length
    this.#embeddings = untidied(() => noGrad(() => tidy(() => embedPrompt(model, prompt))))
    this.cache = model.newCache(length)
  }

  get isDisposed(): boolean {
    return this.#disposed
  }
  /** Of what it holds while it runs, once something is in the cache. */
  get bytes(): number {
    return this.cache.bytes + this.#embeddings.bytes + (this.#kept?.logits.bytes ?? 0)
  }

  /**
   * What the first tokens of the cache are worth: `tokens` of them, from position 0 on, have the keys and values that they have
   * wherever a sequence of this kind begins with them. Undefined where none do.
   */
  get known(): { kind: PrefixKind; tokens: number } | undefined {
    const { kind, tokens } = this.#known
    return kind && tokens > 0 ? { kind, tokens } : undefined
  }

  /** The prompt, and of what follows it the tokens in the cache. */
  content(): Content {
    this.#pictures ??= featureNamesOf(this.#prompt)
    return contentOf(this.#prompt, this.#pictures, this.#following)
  }

  /** What the keys and values of a request depend on beside its tokens; undefined where they depend on tokens behind them too. */
  kindOf({ blockSize, commitCausally, length }: Asked): PrefixKind | undefined {
    const block = commitCausally ? 1 : blockSize
    if (!Number.isFinite(block)) return undefined
    return { block, lengthKey: this.#model.lengthKey?.(length) ?? 0, salt: this.#prompt.cacheSalt }
  }

  /** The first tokens are in the cache already. */
  reused(kind: PrefixKind, tokens: number): void {
    this.#known = { kind, tokens }
    this.cachedTokens = tokens
  }

  /** A forward has computed a request: what it left in the cache goes on what was known, or ends it. */
  computed(request: Asked): void {
    const { start, ids, commit } = request
    const kind = this.kindOf(request)
    const known = this.#known
    known.tokens = Math.min(known.tokens, start)
    this.#following.length = Math.min(this.#following.length, Math.max(0, known.tokens - this.promptTokens))
    // Not behind a block that was left out, or is not as it would be in a prompt.
    if (commit === 0 || known.tokens !== start) return
    if (start === 0) known.kind = kind
    // Tokens of a block that is not whole would see others where it is.
    if (!kind || !isSameKind(kind, known.kind) || start % kind.block !== 0) return
    known.tokens += commit - (commit % kind.block)
    for (let position = Math.max(start, this.promptTokens); position < known.tokens; position++)
      this.#following.push(ids[position - start])
  }

  /** The rows of a request: those at positions of the prompt as the model sees them, and the tokens behind it. */
  rows({ start, ids, branches }: ForwardRequest): SequenceRows {
    const straight = ids.length - (branches?.positions.length ?? 0)
    const places = rowsFrom(start, start + ids.length)
    if (branches) places.set(branches.positions, straight)
    const positions = positionsOf(this.#prompt, places)
    if (branches?.positions.some((place) => place < this.promptTokens)) {
      const sources = places.map((place, row) => (place < this.promptTokens ? -1 - place : ids[row]))
      return { prompt: embedSources(this.#model, sources, [this.#embeddings]), ids: new Int32Array(), positions }
    }
    const inPrompt = Math.min(straight, Math.max(0, this.promptTokens - start))
    return {
      prompt: inPrompt > 0 ? this.#embeddings.narrow(0, start, inPrompt) : undefined,
      ids: ids.subarray(inPrompt),
      positions,
    }
  }

  /** Tokens of another sequence, from position 0 on. */
  companion(ids: Int32Array): SequenceRows {
    return { prompt: undefined, ids, positions: positionsOf(this.#prompt, rowsFrom(0, ids.length)) }
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
