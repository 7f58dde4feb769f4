/** A loss or a gradient that is not a number: which samples did it, and what to do. */

import { UserError } from "../errors.js"
import type { Objective, TrainingBatch, TrainingSample } from "../paradigms/batch.js"

/** The samples with a token whose cross entropy is not a number; all of them when no token tells. */
export function culprits(
  { samples }: TrainingBatch,
  { tokenCrossEntropy, tokensPerSample }: Objective,
): readonly TrainingSample[] {
  const values = tokenCrossEntropy.toFloat32()
  let start = 0
  const found = samples.filter((_, b) => {
    const own = values.subarray(start, start + tokensPerSample[b])
    start += tokensPerSample[b]
    return own.some((value) => !Number.isFinite(value))
  })
  return found.length > 0 ? found : samples
}

export function notFinite(what: string, value: number, step: number, samples: readonly TrainingSample[]): UserError {
  return new UserError(`${what} of step ${step} is ${value}; the weights were left as they were`, {
    where: samples.map((sample) => sample.where).join("; "),
    fix: "mend or remove these samples: the same command then goes on; a lower learning rate or dtype float32 need another output folder",
  })
}
