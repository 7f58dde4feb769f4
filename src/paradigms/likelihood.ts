/** Log-likelihoods of several given answers to one prompt, in one forward. Each paradigm says which rows that takes. */

import type { LanguageModel } from "../models/types.js"
import type { Span } from "../nn/attention-pattern.js"
import { cat, noGrad, type Tensor, tidy } from "../torch/index.js"
import { tokenCrossEntropy } from "./cross-entropy.js"
import { ModelLogits, preciseLogits } from "./model-logits.js"
import { requireFinite } from "./not-finite.js"
import { embedPrompt, int64, type Prompt, promptPositions } from "./prompt.js"
import { requireDistinct } from "./sampling.js"
import { embedSources } from "./sequence-input.js"

/** Collects the rows of a forward over a prompt and its answers, and which of them predicts which token. */
export class LikelihoodForward {
  readonly spans: Span[] = []
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
   * @throws NotFiniteError when a logit of the model is not finite, or one of the sums; EqualLogitsError when all tokens
   * are equally likely somewhere
   */
  sum(model: LanguageModel, prompt: Prompt, answers: number): number[] {
    const sums = new Array<number>(answers).fill(0)
    if (this.#predictions.length === 0) return sums
    const wanted = [...new Set(this.#predictions.map(({ row }) => row))].sort((a, b) => a - b)
    const indexOf = new Map(wanted.map((row, i) => [row, i]))
    const losses = noGrad(() =>
      tidy(() => {
        const embeddings = embedSources(model, Int32Array.from(this.#sources), [embedPrompt(model, prompt)])
        const { device } = embeddings
        const axis = prompt.positions ? 2 : 1
        const all = promptPositions(prompt, 0, Math.max(...this.#positions) + 1, device)
        const hidden = model.forward({
          embeddings: embeddings.unsqueeze(0),
          positions: all.indexSelect(axis, int64(this.#positions, device)),
          patterns: [{ queries: this.length, keys: this.length, spans: this.spans }],
          outputPositions: [Int32Array.from(wanted)],
        })
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
      }),
    )
    this.#predictions.forEach(({ answer }, i) => {
      sums[answer] -= losses[i]
    })
    return sums
  }
}

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
