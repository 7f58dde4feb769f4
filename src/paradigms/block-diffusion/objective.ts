/**
 * The block-diffusion objective (paper, equation 3; docs/reference.md, "Block-diffusion loss"): cross entropy of the
 * masked tokens of noised blocks that see the clean blocks before them, weighted by 1/t.
 */

import type { LanguageModel } from "../../models/types.js"
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
import type { UniformSource } from "../sampling.js"
import { EmbeddingSources } from "../sequence-input.js"
import { type CleanContext, neededPositions, predictedByClean, type TokenShift } from "./needed-positions.js"
import { lossScale, maskedPositions, type NoiseOptions, noiseLevels } from "./noise.js"

export interface BlockDiffusionOptions extends NoiseOptions {
  blockSize: number
  maskToken: number
  /** @default "same" */
  shift?: TokenShift
  /** What clean tokens see. @default "block" */
  context?: CleanContext
  /** Weight of a masked token: 1/t of its block (the paper), or 1. @default "1/t" */
  weight?: "1/t" | "one"
  /** @default "samples" */
  per?: LossUnit
}

/** The predicted tokens of one sample. */
interface Prediction {
  rows: SelectedPositions
  targets: number[]
  /** Factor of each target's cross entropy in the loss. */
  factors: number[]
}

/**
 * Per sample: Σ_b 1/n_b Σ_{i masked} CE_i / t_i, with n_b the labelled positions of sample b (template and EOS padding
 * included; without position 0 when the shift is "next"), over the number of samples. Per token: Σ_b Σ_{i masked} CE_i / t_i
 * over Σ_b n_b. With K noised copies it is the mean of K such losses, whose
 * clean rows and pictures are computed once: noise of little variance at a fraction of the price of a larger batch.
 *
 * Equal to the formulation with a noised and a clean copy of everything, but computed with the rows that reach the loss
 * only (docs/reference.md, S1 to S6): noised copies of blocks with a masked token, clean copies of the blocks before the
 * last of these; and the last layer's queries, the head and the cross entropy at rows that predict.
 *
 * With the shift "next" a clean row predicts the first token of a block, masked or not: what is seen does not depend on
 * it. Its term is always there, with the weight it has in expectation: t · 1/t = 1.
 *
 * @param uniform source of all randomness: one number per block of every copy of every sample (blocks of the longest
 *   one), once more when the schedule is "shuffled", then one per position of every copy of every sample (positions of
 *   the longest one)
 * @param features of the batch's images in the model's space; encoded here if not given
 */
export function blockDiffusionObjective(
  model: LanguageModel,
  batch: TrainingBatch,
  options: BlockDiffusionOptions,
  uniform: UniformSource,
  features: readonly Tensor[] = model.encodeImages(batch.images),
): Objective {
  const { blockSize, maskToken, shift = "same", context, weight = "1/t", per = "samples", copies = 1 } = options
  const { samples } = batch
  const length = Math.max(0, ...samples.map((sample) => sample.labels.length))
  const blocks = Math.ceil(length / blockSize)
  const draw = (n: number): Float32Array => Float32Array.from({ length: n }, uniform)
  const u = draw(copies * samples.length * blocks)
  const levels = noiseLevels(u, options, options.schedule === "shuffled" ? draw(u.length) : undefined)

  const sources = new EmbeddingSources(model)
  const predictions: Prediction[] = []
  const tokensPerSample: number[] = []
  let labelledTokens = 0
  samples.forEach((sample, b) => {
    const labels = shift === "next" ? withoutFirst(sample.labels) : sample.labels
    const labelled = Int32Array.from(labels.keys()).filter((position) => labels[position] >= 0)
    labelledTokens += labelled.length
    const levelsOf = Array.from({ length: copies }, (_, copy) => {
      const first = (copy * samples.length + b) * blocks
      return levels.subarray(first, first + blocks)
    })
    const masked = levelsOf.map((levels) => maskedPositions(labels, levels, draw(length), blockSize))
    const clean = labelled.filter((position) => predictedByClean(position, blockSize, shift))
    if (clean.length + Math.max(...masked.map((positions) => positions.length)) === 0) {
      tokensPerSample.push(0)
      return
    }
    const needed = neededPositions(labels.length, clean, masked, blockSize, shift, context)
    const weightIn = (copy: number, position: number): number =>
      weight === "one" ? 1 : lossScale(levelsOf[copy][Math.floor(position / blockSize)])
    const expectedWeight = (position: number): number =>
      levelsOf.reduce(
        (sum, levels, copy) => sum + levels[Math.floor(position / blockSize)] * weightIn(copy, position),
        0,
      )
    tokensPerSample.push(needed.targets.length)
    predictions.push({
      rows: {
        ...needed,
        sources: sources.of(inputOf(sample, features)),
        replacement: (row) => (needed.masked[row] ? maskToken : undefined),
      },
      targets: needed.targets.map(({ position }) => labels[position]),
      factors: needed.targets.map(
        ({ position, copy }) =>
          (copy < 0 ? expectedWeight(position) : weightIn(copy, position)) /
          (copies * (per === "samples" ? labelled.length : 1)),
      ),
    })
  })

  const targets = predictions.flatMap((prediction) => prediction.targets)
  const metrics = {
    labelledTokens,
    maskedTokens: targets.length,
    tokensComputed: predictions.reduce((sum, { rows }) => sum + rows.pattern.queries, 0),
  }
  const count = per === "samples" ? samples.length : labelledTokens
  if (targets.length === 0)
    return { sum: zeroLoss(model), count, tokenCrossEntropy: tensor([]), tokensPerSample, metrics }
  const hidden = forwardSelected(
    model,
    predictions.map(({ rows }) => rows),
    sources,
  )
  const crossEntropy = tokenCrossEntropy(model, hidden, targets)
  const { device, dtype } = crossEntropy
  const factors = tensor(Float64Array.from(predictions.flatMap((prediction) => prediction.factors)))
  return {
    sum: crossEntropy.mul(factors.to({ device, dtype })).sum(),
    count,
    tokenCrossEntropy: crossEntropy.detach(),
    tokensPerSample,
    metrics,
  }
}

/** No row comes before the first one to predict it. */
function withoutFirst(labels: Int32Array): Int32Array {
  return Int32Array.from(labels).fill(-1, 0, 1)
}
