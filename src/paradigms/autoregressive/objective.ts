/** The autoregressive objective (paper, equation 1): cross entropy of each labelled token given all before it. */

import type { LanguageModel } from "../../models/types.js"
import { causal } from "../../nn/attention-pattern.js"
import { type Tensor, tensor } from "../../torch/index.js"
import {
  forwardSelected,
  inputOf,
  type LossUnit,
  type Objective,
  type SelectedPositions,
  type TrainingBatch,
} from "../batch.js"
import { tokenCrossEntropy, zeroLoss } from "../cross-entropy.js"
import { EmbeddingSources } from "../sequence-input.js"

/**
 * Per token: Σ CE over all labelled tokens of the batch but those at position 0; row i predicts token i + 1. Per sample:
 * Σ_b 1/n_b Σ CE, with n_b these tokens of sample b. Rows behind the last one that predicts are left out, and only rows that predict get logits; both change nothing.
 * @param features of the batch's images in the model's space; encoded here if not given
 */
export function autoregressiveObjective(
  model: LanguageModel,
  batch: TrainingBatch,
  { per = "tokens" }: { per?: LossUnit } = {},
  features: readonly Tensor[] = model.encodeImages(batch.images),
): Objective {
  const sources = new EmbeddingSources(model)
  const targets: number[] = []
  const tokensPerSample: number[] = []
  const rows: SelectedPositions[] = []
  for (const sample of batch.samples) {
    const { labels, positions: axes } = sample
    const outputPositions = Int32Array.from(labels.keys()).filter((row) => labels[row + 1] >= 0)
    tokensPerSample.push(outputPositions.length)
    if (outputPositions.length === 0) continue
    for (const row of outputPositions) targets.push(labels[row + 1])
    const length = outputPositions[outputPositions.length - 1] + 1
    rows.push({
      sources: sources.of(inputOf(sample, features)),
      axes,
      positions: Array.from({ length }, (_, row) => row),
      pattern: causal(length),
      outputPositions,
    })
  }
  const metrics = {
    tokens: targets.length,
    tokensComputed: rows.reduce((sum, { pattern }) => sum + pattern.queries, 0),
  }
  const count = per === "tokens" ? targets.length : batch.samples.length
  if (targets.length === 0)
    return { sum: zeroLoss(model), count, tokenCrossEntropy: tensor([]), tokensPerSample, metrics }
  const crossEntropy = tokenCrossEntropy(model, forwardSelected(model, rows, sources), targets)
  const shares = Float64Array.from(tokensPerSample.flatMap((n) => Array<number>(n).fill(1 / n)))
  const { device, dtype } = crossEntropy
  const weighted = per === "tokens" ? crossEntropy : crossEntropy.mul(tensor(shares).to({ device, dtype }))
  return { sum: weighted.sum(), count, tokenCrossEntropy: crossEntropy.detach(), tokensPerSample, metrics }
}
