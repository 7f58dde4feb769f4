/** The full-diffusion objective as it is written down: the whole noised sequence, a dense mask, every row's logits. */

import type { LanguageModel } from "../../models/types.js"
import { fromDense } from "../../nn/attention-pattern.js"
import { cat, type Tensor, tensor } from "../../torch/index.js"
import type { Objective, TrainingBatch } from "../batch.js"
import { zeroLoss } from "../cross-entropy.js"
import type { UniformSource } from "../sampling.js"
import { crossEntropies, embedSample, logProbabilities, upTo, withMasks } from "../whole-sequence.js"
import { type FullDiffusionOptions, noiseBatch } from "./objective.js"
import { turnsOfSample } from "./turns.js"

/** The same numbers as `fullDiffusionObjective`, from the same arguments; slow. */
export function referenceFullDiffusionObjective(
  model: LanguageModel,
  batch: TrainingBatch,
  options: FullDiffusionOptions,
  uniform: UniformSource,
  features: readonly Tensor[] = model.encodeImages(batch.images),
): Objective {
  const { maskToken, per = "samples", shift = "same", turns: rule } = options
  const noised = noiseBatch(batch, options, uniform)
  const terms = batch.samples.map((sample, b): { entropies: Tensor; weight: number } | undefined => {
    const { probability, labels, labelled, masked } = noised[b]
    if (masked.length === 0) return undefined
    const length = labels.length
    const turns = rule ? turnsOfSample(sample, rule) : new Int32Array(length)
    const logs = logProbabilities(
      model,
      withMasks(model, embedSample(model, sample, features), masked, maskToken),
      upTo(length),
      fromDense(length, (q, k) => turns[k] <= turns[q]),
      sample.positions,
    )
    const before = shift === "next" ? 1 : 0
    const predictions = Array.from(masked, (i) => ({ row: i - before, token: labels[i] }))
    const n = per === "samples" ? labelled : 1
    return { entropies: crossEntropies(logs, predictions), weight: 1 / (probability * n) }
  })

  const labelledTokens = noised.reduce((sum, { labelled }) => sum + labelled, 0)
  const tokensPerSample = noised.map(({ masked }) => masked.length)
  const learned = terms.filter((term) => term !== undefined)
  const shared = {
    count: per === "samples" ? batch.samples.length : labelledTokens,
    tokensPerSample,
    metrics: { labelledTokens, maskedTokens: tokensPerSample.reduce((a, b) => a + b, 0) },
  }
  if (learned.length === 0) return { sum: zeroLoss(model), tokenCrossEntropy: tensor([]), ...shared }
  return {
    sum: learned.map(({ entropies, weight }) => entropies.sum().mul(weight)).reduce((a, b) => a.add(b)),
    tokenCrossEntropy: cat(learned.map(({ entropies }) => entropies)).detach(),
    ...shared,
  }
}
