/**
 * The full-diffusion objective (paper, equation 2; docs/reference.md, "Full-diffusion loss"): cross entropy of the masked
 * tokens of a sequence that sees all of itself, weighted by 1/p.
 */

import type { LanguageModel } from "../../models/types.js"
import { bidirectional } from "../../nn/attention-pattern.js"
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
import { maskedPositions, maskProbability, type NoiseOptions } from "./noise.js"
import { type TurnRule, turnCausal, turnsOfSample } from "./turns.js"

export interface FullDiffusionOptions extends NoiseOptions {
  maskToken: number
  /** @default "samples" */
  per?: LossUnit
  /**
   * Which row predicts a token: its own, as the authors', or the one before, as in the autoregressive model the weights come
   * from; position 0 has none before it and is never masked. @default "same"
   */
  shift?: "same" | "next"
  /** Hides later turns of a conversation from those before them. @default every position sees all */
  turns?: TurnRule
}

/** What the noise makes of a sample. */
export interface NoisedSample {
  /** Probability p with which its tokens were masked. */
  probability: number
  /** Negative where nothing is learned. */
  labels: Int32Array
  /** n_b: labelled positions. */
  labelled: number
  /** Positions that are masked and learned, ascending. */
  masked: Int32Array
}

/**
 * Noise for a batch.
 * @param uniform one number per sample, then one per position of every sample (positions of the longest one)
 */
export function noiseBatch(
  { samples }: TrainingBatch,
  options: FullDiffusionOptions,
  uniform: UniformSource,
): NoisedSample[] {
  const length = Math.max(0, ...samples.map(({ labels }) => labels.length))
  const draw = (n: number): Float32Array => Float32Array.from({ length: n }, uniform)
  const t = draw(samples.length)
  return samples.map((sample, b) => {
    const labels = Int32Array.from(sample.labels)
    if (options.shift === "next") labels.fill(-1, 0, 1)
    const probability = maskProbability(t[b], options)
    const labelled = labels.reduce((n, label) => n + (label >= 0 ? 1 : 0), 0)
    return { probability, labels, labelled, masked: maskedPositions(labels, probability, draw(length)) }
  })
}

/**
 * Per sample: sum = Σ_b 1/n_b Σ_{i masked} CE_i / p_b over B samples; per token: sum = Σ_b Σ_{i masked} CE_i / p_b over
 * Σ_b n_b labelled positions.
 *
 * Computed where it reaches the loss only: all rows of a sequence see each other, but the last layer's queries, the head
 * and the cross entropy are for rows that predict (docs/reference.md, S3 to S6), and with `turns` nobody who predicts sees
 * the turns behind the last that does.
 *
 * @param uniform source of all randomness (see `noiseBatch`)
 * @param features of the batch's images in the model's space; encoded here if not given
 */
export function fullDiffusionObjective(
  model: LanguageModel,
  batch: TrainingBatch,
  options: FullDiffusionOptions,
  uniform: UniformSource,
  features: readonly Tensor[] = model.encodeImages(batch.images),
): Objective {
  const { maskToken, per = "samples", shift = "same", turns } = options
  const sources = new EmbeddingSources(model)
  const noised = noiseBatch(batch, options, uniform)
  const rows: SelectedPositions[] = []
  noised.forEach(({ masked }, b) => {
    if (masked.length === 0) return
    const sample = batch.samples[b]
    const outputPositions = shift === "next" ? masked.map((position) => position - 1) : masked
    const { length, pattern } = patternOf(sample, outputPositions, turns)
    const isMasked = new Uint8Array(length)
    for (const position of masked) isMasked[position] = 1
    rows.push({
      sources: sources.of(inputOf(sample, features)),
      axes: sample.positions,
      positions: Array.from({ length }, (_, row) => row),
      replacement: (row) => (isMasked[row] ? maskToken : undefined),
      pattern,
      outputPositions,
    })
  })

  const tokensPerSample = noised.map(({ masked }) => masked.length)
  const labelledTokens = noised.reduce((sum, { labelled }) => sum + labelled, 0)
  const targets = noised.flatMap(({ labels, masked }) => Array.from(masked, (position) => labels[position]))
  const count = per === "samples" ? batch.samples.length : labelledTokens
  const metrics = {
    labelledTokens,
    maskedTokens: targets.length,
    tokensComputed: rows.reduce((sum, { pattern }) => sum + pattern.queries, 0),
  }
  const shared = { count, tokensPerSample, metrics }
  if (targets.length === 0) return { sum: zeroLoss(model), tokenCrossEntropy: tensor([]), ...shared }
  const crossEntropy = tokenCrossEntropy(model, forwardSelected(model, rows, sources), targets)
  const factors = noised.flatMap(({ probability, labelled, masked }) =>
    Array.from(masked, () => 1 / probability / (per === "samples" ? labelled : 1)),
  )
  const { device, dtype } = crossEntropy
  const weights = tensor(Float64Array.from(factors)).to({ device, dtype })
  return { sum: crossEntropy.mul(weights).sum(), tokenCrossEntropy: crossEntropy.detach(), ...shared }
}

/** Who sees whom among the first `length` rows; those behind are seen by nobody who predicts. */
function patternOf(
  sample: TrainingBatch["samples"][number],
  outputPositions: Int32Array,
  rule: TurnRule | undefined,
): { length: number; pattern: SelectedPositions["pattern"] } {
  const { length } = sample.labels
  if (!rule) return { length, pattern: bidirectional(length) }
  const turns = turnsOfSample(sample, rule)
  const lastTurn = turns[outputPositions[outputPositions.length - 1]]
  const upToLast = turns.subarray(0, turns.lastIndexOf(lastTurn) + 1)
  return { length: upToLast.length, pattern: turnCausal(upToLast) }
}
