/**
 * The block-diffusion objective as the paper writes it down (section 3.4; docs/reference.md, "Training attention"): a clean
 * and a noised copy of the whole sequence under a dense mask, every row's logits.
 */

import type { LanguageModel } from "../../models/types.js"
import { type AttentionPattern, fromDense } from "../../nn/attention-pattern.js"
import { cat, type Tensor, tensor } from "../../torch/index.js"
import type { LossUnit, Objective, TrainingBatch } from "../batch.js"
import { zeroLoss } from "../cross-entropy.js"
import type { UniformSource } from "../sampling.js"
import { crossEntropies, embedSample, logProbabilities, upTo, withMasks } from "../whole-sequence.js"
import { type CleanContext, predictedByClean } from "./needed-positions.js"
import { lossScale, maskedPositions, noiseLevels } from "./noise.js"
import type { BlockDiffusionOptions } from "./objective.js"

/**
 * Who sees whom among 2L rows. The clean copy comes first here, the noised one first in the authors' code: the order has no
 * meaning.
 */
export function doubledPattern(length: number, blockSize: number, context: CleanContext = "block"): AttentionPattern {
  const isClean = (row: number): boolean => row < length
  const block = (row: number): number => Math.floor((row % length) / blockSize)
  return fromDense(
    2 * length,
    (q, k) =>
      (!isClean(q) && !isClean(k) && block(k) === block(q)) ||
      (!isClean(q) && isClean(k) && block(k) < block(q)) ||
      (isClean(q) && isClean(k) && (context === "causal" ? k <= q : block(k) <= block(q))),
  )
}

/** The same numbers as `blockDiffusionObjective`, from the same arguments; slow. */
export function referenceBlockDiffusionObjective(
  model: LanguageModel,
  batch: TrainingBatch,
  options: BlockDiffusionOptions & { per?: LossUnit },
  uniform: UniformSource,
  features: readonly Tensor[] = model.encodeImages(batch.images),
): Objective {
  const { blockSize, maskToken, shift = "same", context, weight = "1/t", copies = 1, per = "samples" } = options
  const { samples } = batch
  const length = Math.max(0, ...samples.map(({ labels }) => labels.length))
  const blocks = Math.ceil(length / blockSize)
  const draw = (n: number): Float32Array => Float32Array.from({ length: n }, uniform)
  const u = draw(copies * samples.length * blocks)
  const levels = noiseLevels(u, options, options.schedule === "shuffled" ? draw(u.length) : undefined)
  const blockOf = (position: number): number => Math.floor(position / blockSize)
  const byClean = (position: number): boolean => predictedByClean(position, blockSize, shift)

  const tokensPerSample: number[] = []
  let labelledTokens = 0
  const sums: Tensor[] = []
  const entropies: Tensor[] = []
  samples.forEach((sample, b) => {
    const n = sample.labels.length
    const labels = Int32Array.from(sample.labels)
    if (shift === "next") labels.fill(-1, 0, 1)
    const labelled = upTo(n).filter((i) => labels[i] >= 0)
    labelledTokens += labelled.length
    const clean = labelled.filter(byClean)
    const noised = upTo(copies).map((copy) => {
      const first = (copy * samples.length + b) * blocks
      const levelsOfCopy = levels.subarray(first, first + blocks)
      return { levelsOfCopy, masked: maskedPositions(labels, levelsOfCopy, draw(length), blockSize) }
    })
    const each = noised.map(({ levelsOfCopy, masked }) => {
      const embeddings = embedSample(model, sample, features)
      const logs = logProbabilities(
        model,
        cat([embeddings, withMasks(model, embeddings, masked, maskToken)]),
        [...upTo(n), ...upTo(n)],
        doubledPattern(n, blockSize, context),
        sample.positions,
      )
      /** 1/t of a masked token. */
      const weigh = (i: number): number => (weight === "one" ? 1 : lossScale(levelsOfCopy[blockOf(i)]))
      // What a clean row predicts does not depend on the noise: its term is always there, with its expected weight.
      const predictedClean = clean.map((i) => ({
        row: i - 1,
        token: labels[i],
        weight: weigh(i) * levelsOfCopy[blockOf(i)],
      }))
      const before = shift === "next" ? 1 : 0
      const predictedNoised = Array.from(masked)
        .filter((i) => !byClean(i))
        .map((i) => ({ row: n + i - before, token: labels[i], weight: weigh(i) }))
      return { logs, predictedClean, predictedNoised }
    })
    for (const { logs, predictedClean, predictedNoised } of each) {
      const predictions = [...predictedClean, ...predictedNoised]
      if (predictions.length === 0) continue
      const entropies = crossEntropies(logs, predictions)
      const { device, dtype } = entropies
      const divisor = copies * (per === "samples" ? labelled.length : 1)
      const weights = tensor(Float64Array.from(predictions, (one) => one.weight / divisor)).to({ device, dtype })
      sums.push(entropies.mul(weights).sum())
    }
    // Clean rows are the same in every copy: their tokens are listed once.
    const [first] = each
    if (clean.length > 0) entropies.push(crossEntropies(first.logs, first.predictedClean))
    for (const { logs, predictedNoised } of each)
      if (predictedNoised.length > 0) entropies.push(crossEntropies(logs, predictedNoised))
    tokensPerSample.push(clean.length + each.reduce((sum, { predictedNoised }) => sum + predictedNoised.length, 0))
  })

  const shared = {
    count: per === "samples" ? samples.length : labelledTokens,
    tokensPerSample,
    metrics: { labelledTokens, maskedTokens: tokensPerSample.reduce((a, b) => a + b, 0) },
  }
  if (sums.length === 0) return { sum: zeroLoss(model), tokenCrossEntropy: tensor([]), ...shared }
  return { sum: sums.reduce((a, b) => a.add(b)), tokenCrossEntropy: cat(entropies).detach(), ...shared }
}
