/** Log-probabilities of given tokens at rows of several sequences: the head runs once for all of them. */

import type { LanguageModel } from "../../models/types.js"
import { cat, type Tensor } from "../../torch/index.js"
import { tokenCrossEntropy } from "../cross-entropy.js"
import { ModelLogits, preciseLogits } from "../model-logits.js"
import { requireFinite } from "../not-finite.js"
import { int64 } from "../prompt.js"
import { type Predictions, requireDistinct } from "../sampling.js"
import type { Targets } from "./scoring.js"

/** Rows of one sequence and what they should predict. */
export interface ScoredRows extends Targets {
  /** [n, H] */
  hidden: Tensor
}

/** Of each sequence log p of its targets, as `logConfidences`; or why its numbers are broken. Call it within a `tidy`. */
export function scoreEach(model: LanguageModel, sequences: readonly ScoredRows[]): (Predictions | Error)[] {
  if (sequences.length === 0) return []
  const predicting = cat(sequences.map(({ hidden, rows }) => hidden.indexSelect(0, int64(rows, hidden.device))))
  const targets = sequences.flatMap(({ tokens }) => tokens)
  const rowSums: Tensor[] = []
  const entropies = tokenCrossEntropy(model, predicting, targets, (logits) => rowSums.push(logits.sum([1])))
  const read = cat([entropies, ...rowSums]).toFloat32()
  let end = 0
  return sequences.map(({ tokens }) => {
    const start = end
    end += tokens.length
    const losses = read.slice(start, end)
    const sums = read.subarray(targets.length + start, targets.length + end)
    try {
      requireSound(losses, sums, model.vocabSize, (i) => model.logits(predicting.narrow(0, start + i, 1)))
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
    const logs = losses.map((loss) => -loss)
    return { ids: Int32Array.from(tokens), confidences: logs.map(Math.exp), logConfidences: logs }
  })
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
