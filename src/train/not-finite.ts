/** A loss, a gradient or weights that are not numbers: which samples or settings did it, and what to do. */

import { UserError } from "../errors.js"
import type { Objective, TrainingBatch, TrainingSample } from "../paradigms/batch.js"
import { noGrad, type Tensor, tidy, vectorNorm } from "../torch/index.js"
import type { TrainingConfig } from "./recipe/config.js"

/** The samples with a token whose cross entropy is not a number; all of them when no token tells. */
export function culprits(
  { samples }: TrainingBatch,
  { tokenCrossEntropy, tokensPerSample }: Objective,
): readonly TrainingSample[] {
  const values = tokenCrossEntropy.toFloat32()
  let start = 0
  const found = samples.filter((_, b) => {
    const ofSample = values.subarray(start, start + tokensPerSample[b])
    start += tokensPerSample[b]
    return ofSample.some((value) => !Number.isFinite(value))
  })
  return found.length > 0 ? found : samples
}

/** @param broken weights that the starting model came with and that are no numbers: they are to blame, not the samples */
export function notFinite(
  what: string,
  value: number,
  step: number,
  samples: readonly TrainingSample[],
  broken: readonly string[],
): UserError {
  return new UserError(`${what} of step ${step} is ${value}; the weights were left as they were`, {
    where: samples.map((sample) => sample.where).join("; "),
    fix:
      broken.length > 0
        ? `download or convert the starting model again: it has weights that are not numbers, or far too large (${listed(broken)})`
        : "mend or remove these samples: the same command then goes on; a lower learning rate or dtype float32 need another output folder",
  })
}

function listed(names: readonly string[]): string {
  return `${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ""}`
}

/** Weights beyond this are no model any more, and a norm in float32 overflows soon after. */
const LARGEST_NORM = 2 ** 63

export const isSoundNorm = (norm: number): boolean => norm < LARGEST_NORM

/**
 * Names of the weights that are not numbers, or numbers as no model has them. Reads all of them; where the norm over
 * all of them is unsound, at least one is named.
 */
export function brokenWeights(weights: ReadonlyMap<string, Tensor>): string[] {
  const limit = LARGEST_NORM / (2 * Math.sqrt(weights.size))
  return noGrad(() => [...weights].filter(([, x]) => !(normOf(x) < limit)).map(([name]) => name))
}

/** Names of the tensors that are not finite. Large numbers are fine: second moments are squares. */
export function notFiniteTensors(tensors: ReadonlyMap<string, Tensor>): string[] {
  const isFiniteTensor = (x: Tensor): boolean =>
    Number.isFinite(normOf(x)) || tidy(() => x.isfinite().all().item() === 1)
  return noGrad(() => [...tensors].filter(([, x]) => !isFiniteTensor(x)).map(([name]) => name))
}

const normOf = (x: Tensor): number => tidy(() => vectorNorm(x).item())

/**
 * @param names the broken tensors, at least one
 * @param before those that the starting model came with
 */
export function brokenTensors(
  names: readonly string[],
  step: number,
  config: TrainingConfig,
  before: readonly string[],
): UserError {
  const list = listed(names)
  if (names.every((name) => before.includes(name)))
    return new UserError(`the starting model has weights that are not numbers, or far too large: ${list}`, {
      where: config.model,
      fix: "download or convert it again",
    })
  return new UserError(`after the update of step ${step} there are numbers that are none, or far too large: ${list}`, {
    where: config.output,
    fix: `${likelySetting(config.train)}; nothing of it was saved, an earlier checkpoint stays; other settings need another output folder`,
  })
}

/** The setting that most likely did it. */
function likelySetting(train: TrainingConfig["train"]): string {
  const { betas, eps, weight_decay: decay, max_grad_norm: clip } = train
  const rates = (["learning_rate", "vision_learning_rate", "projector_learning_rate"] as const)
    .map((key) => ({ key, rate: train[key] ?? 0 }))
    .sort((a, b) => b.rate - a.rate)
  const [{ key, rate }] = rates
  if (betas.some((beta) => beta >= 1))
    return `train.betas of [${betas.join(", ")}] divide by zero: each must be below 1`
  if (rate > 1) return `train.${key} of ${rate} is far too large: 1e-5 to 1e-3 are usual`
  if (rate * decay >= 1) return `train.weight_decay of ${decay} turns the weights around at a learning rate of ${rate}`
  if (eps < 1e-30) return `train.eps of ${eps} is lost in the rounding: 1e-8 is usual`
  return `a lower train.${key} (it is ${rate})${clip > 0 ? "" : ", train.max_grad_norm above 0"} or train.dtype: float32 helps`
}
