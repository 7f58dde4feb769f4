/** Log-likelihoods of several given answers to one prompt, in one forward. Each paradigm says which rows that takes. */

import type { LanguageModel } from "../models/types.js"
import type { Span } from "../nn/attention-pattern.js"
import type { KvCache } from "../nn/kv-cache.js"
import { cat, noGrad, type Tensor, tidy } from "../torch/index.js"
import { tokenCrossEntropy } from "./cross-entropy.js"
import { ModelLogits, preciseLogits } from "./model-logits.js"
import { requireFinite } from "./not-finite.js"
import { embedPrompt, int64, type Prompt, promptPositions } from "./prompt.js"
import type { PromptStore } from "./prompt-store.js"
import { requireDistinct } from "./sampling.js"
import { embedSources } from "./sequence-input.js"

/** Collects the rows of a forward over a prompt and its answers, and which of them predicts which token. */
export class LikelihoodForward {
  readonly spans: Span[] = []
  /** The first rows are the prompt's first tokens, whole blocks that see nothing behind them: they may be known before. */
  beginning: { tokens: number; blockSize: number } | undefined
  readonly #sources: number[] = []
  readonly #positions: number[] = []
  readonly #predictions: { answer: number; row: number; token: number }[] = []

  /** Rows so far. */
  get length(): number {
    return this.#sources.length
  }

  /** Row `position` of the prompt. */
  addPrompt(position: number): void {
    this.#add(-1 - position, position)
  }
  /** A token behind the prompt. */
  addToken(id: number, position: number): void {
    this.#add(id, position)
  }
  #add(source: number, position: number): void {
    this.#sources.push(source)
    this.#positions.push(position)
  }

  /** Row `row` predicts a token of an answer. */
  predict(answer: number, row: number, token: number): void {
    this.#predictions.push({ answer, row, token })
  }

  /**
   * Σ log p over the predictions of each answer.
   * @param store of the beginnings of prompts
   * @throws NotFiniteError when a logit of the model is not finite, or one of the sums; EqualLogitsError when all tokens
   * are equally likely somewhere
   */
  sum(model: LanguageModel, prompt: Prompt, answers: number, store?: PromptStore): number[] {
    const sums = new Array<number>(answers).fill(0)
    if (this.#predictions.length === 0) return sums
    const wanted = [...new Set(this.#predictions.map(({ row }) => row))].sort((a, b) => a - b)
    const losses = this.#beginningWith(prompt, wanted[0], store, (cache) =>
      noGrad(() => tidy(() => this.#losses(model, prompt, wanted, cache))),
    )
    this.#predictions.forEach(({ answer }, i) => {
      sums[answer] -= losses[i]
    })
    return sums
  }

  /** Gives `compute` a cache with the first rows that are known, and keeps those that could be. */
  #beginningWith<T>(prompt: Prompt, first: number, store: PromptStore | undefined, compute: (cache?: KvCache) => T): T {
    if (!this.beginning) return compute()
    const { tokens, blockSize } = this.beginning
    const known = Math.min(tokens, first - (first % blockSize))
    const length = Math.max(...this.#positions) + 1
    const beginning = { tokens, blockSize, known, length }
    const cache = store?.begin(prompt, beginning, this.length)
    try {
      const result = compute(cache)
      if (cache) store?.keep(prompt, beginning, cache)
      return result
    } finally {
      cache?.dispose()
    }
  }

  /** −log p of each prediction. @param cache with the first rows, which are not computed again; it gets the rest of the beginning */
  #losses(model: LanguageModel, prompt: Prompt, wanted: readonly number[], cache?: KvCache): Float32Array {
    const past = cache?.length ?? 0
    const indexOf = new Map(wanted.map((row, i) => [row, i]))
    const embeddings = embedSources(model, Int32Array.from(this.#sources.slice(past)), [embedPrompt(model, prompt)])
    const { device } = embeddings
    const axis = prompt.positions ? 2 : 1
    const length = Math.max(...this.#positions) + 1
    const all = promptPositions(prompt, 0, length, device)
    const hidden = model.forward({
      embeddings: embeddings.unsqueeze(0),
      positions: all.indexSelect(axis, int64(this.#positions.slice(past), device)),
      patterns: [{ queries: this.length - past, keys: this.length, spans: spansFrom(this.spans, past) }],
      ...(cache && { caches: [cache], lengths: [length] }),
      outputPositions: [Int32Array.from(wanted, (row) => row - past)],
    })
    cache?.commit((this.beginning?.tokens ?? past) - past)
    const rows = this.#predictions.map(({ row }) => indexOf.get(row) as number)
    const targets = this.#predictions.map(({ token }) => token)
    const predicting = hidden.indexSelect(0, int64(rows, device))
    const rowSums: Tensor[] = []
    const entropies = tokenCrossEntropy(model, predicting, targets, (logits) => rowSums.push(logits.sum([1])))
    const read = cat([entropies, ...rowSums]).toFloat32()
    const losses = read.slice(0, targets.length)
    const logitsOf = (i: number): Tensor => model.logits(predicting.narrow(0, i, 1))
    requireSound(losses, read.subarray(targets.length), model.vocabSize, logitsOf)
    return losses
  }
}

/** What rows from `past` on see, counted from there. */
const spansFrom = (spans: readonly Span[], past: number): Span[] =>
  spans.flatMap(({ queries: [from, to], keys }): Span[] =>
    to <= past ? [] : [{ queries: [Math.max(0, from - past), to - past], keys }],
  )

/**
 * @param rowSums of the logits that each loss is from
 * @param logitsOf these logits again, [1, V]: asked for only where something is odd
 * @throws NotFiniteError or EqualLogitsError when the model's numbers are broken
 */
function requireSound(
  losses: Float32Array,
  rowSums: Float32Array,
  vocabulary: number,
  logitsOf: (i: number) => Tensor,
): void {
  rowSums.forEach((sum, i) => {
    if (!Number.isFinite(sum)) new ModelLogits(logitsOf(i)).requireFinite([sum])
  })
  requireFinite(losses)
  // One token in V by chance; all of them where the logits say nothing.
  const share = Math.log(vocabulary)
  losses.forEach((loss, i) => {
    if (Math.abs(loss - share) < 1e-3) requireDistinct(preciseLogits(logitsOf(i)), 0)
  })
}
