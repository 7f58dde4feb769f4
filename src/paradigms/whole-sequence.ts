/** What the readable objectives share: a whole sequence at a time, with everything computed. */

import type { LanguageModel } from "../models/types.js"
import type { AttentionPattern } from "../nn/attention-pattern.js"
import { cat, type Tensor } from "../torch/index.js"
import type { TrainingSample } from "./batch.js"
import { preciseLogits } from "./model-logits.js"
import { embedPrompt, int64 } from "./prompt.js"

/** Embeddings [L, H] of a sample, tokens and images. @param features of the batch's images */
export function embedSample(model: LanguageModel, sample: TrainingSample, features: readonly Tensor[]): Tensor {
  const shown = sample.images.map(({ image, from, count }) => features[image].narrow(0, from, count))
  return embedPrompt(model, { ids: sample.ids, features: shown })
}

/** The sequence with the mask's embedding at some positions. @param embeddings [L, H] */
export function withMasks(
  model: LanguageModel,
  embeddings: Tensor,
  masked: ArrayLike<number>,
  maskToken: number,
): Tensor {
  if (masked.length === 0) return embeddings
  const masks = model.embed(new Int32Array(masked.length).fill(maskToken))
  return embeddings.indexCopy(0, int64(masked, embeddings.device), masks)
}

/**
 * log p [R, V] at every row, in float32 at least.
 * @param embeddings [R, H]
 * @param positions in the sample of each row
 */
export function logProbabilities(
  model: LanguageModel,
  embeddings: Tensor,
  positions: readonly number[],
  pattern: AttentionPattern,
  axes: TrainingSample["positions"],
): Tensor {
  const all = (axes ?? [undefined]).flatMap((axis) => positions.map((position) => axis?.[position] ?? position))
  const { device } = embeddings
  const hidden = model.forward({
    embeddings: embeddings.unsqueeze(0),
    positions: int64(all, device, axes ? [3, 1, positions.length] : [1, positions.length]),
    patterns: [pattern],
  })
  return preciseLogits(model.logits(hidden.squeeze(0))).logSoftmax(1)
}

/** −log p of tokens at rows of log p [R, V]: one after the other, [n]. */
export function crossEntropies(logs: Tensor, predictions: readonly { row: number; token: number }[]): Tensor {
  return cat(predictions.map(({ row, token }) => logs.select(0, row).narrow(0, token, 1).neg()))
}

/** Positions 0, 1, … */
export const upTo = (length: number): number[] => Array.from({ length }, (_, i) => i)
