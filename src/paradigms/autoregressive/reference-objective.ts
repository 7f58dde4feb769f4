/** The autoregressive objective as it is written down: every row sees those before it and predicts the next token. */

import type { LanguageModel } from "../../models/types.js"
import { fromDense } from "../../nn/attention-pattern.js"
import { cat, type Tensor, tensor } from "../../torch/index.js"
import type { LossUnit, Objective, TrainingBatch } from "../batch.js"
import { zeroLoss } from "../cross-entropy.js"
import { crossEntropies, embedSample, logProbabilities, upTo } from "../whole-sequence.js"

/** The same numbers as `autoregressiveObjective`; slow. */
export function referenceAutoregressiveObjective(
  model: LanguageModel,
  batch: TrainingBatch,
  { per = "tokens" }: { per?: LossUnit } = {},
  features: readonly Tensor[] = model.encodeImages(batch.images),
): Objective {
  const terms = batch.samples.map((sample): Tensor | undefined => {
    const { labels } = sample
    const predictions = upTo(labels.length)
      .filter((i) => i > 0 && labels[i] >= 0)
      .map((i) => ({ row: i - 1, token: labels[i] }))
    if (predictions.length === 0) return undefined
    const embeddings = embedSample(model, sample, features)
    const pattern = fromDense(labels.length, (q, k) => k <= q)
    return crossEntropies(
      logProbabilities(model, embeddings, upTo(labels.length), pattern, sample.positions),
      predictions,
    )
  })

  const tokensPerSample = terms.map((term) => term?.shape[0] ?? 0)
  const tokens = tokensPerSample.reduce((a, b) => a + b, 0)
  const learned = terms.filter((term) => term !== undefined)
  const shared = {
    count: per === "samples" ? batch.samples.length : tokens,
    tokensPerSample,
    metrics: { tokens },
  }
  if (learned.length === 0) return { sum: zeroLoss(model), tokenCrossEntropy: tensor([]), ...shared }
  const sums = learned.map((entropies) => (per === "samples" ? entropies.mean() : entropies.sum()))
  return { sum: sums.reduce((a, b) => a.add(b)), tokenCrossEntropy: cat(learned).detach(), ...shared }
}
