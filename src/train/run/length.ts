/** How long a training is, in steps or by the clock, and the part of it that is done. */

import type { TrainingConfig } from "../recipe/config.js"
import type { TrainerState } from "./state.js"

export interface TrainingLength {
  /** Infinite where only the clock ends it. */
  totalSteps: number
  progressAt(step: number, seconds: number): number
  /** Where a session begins. The length may be another one than when the checkpoint was written. */
  stateOf(saved: TrainerState | undefined): TrainerState
}

/** @param samples in one epoch */
export function lengthOf({ train }: TrainingConfig, samples: number): TrainingLength {
  const { accumulate, micro_batch_size: size, epochs, max_steps, max_minutes } = train
  const totalSteps =
    max_steps ??
    (max_minutes ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor((epochs * samples) / (size * accumulate))))
  const progressAt = (step: number, seconds: number): number =>
    Math.max(Number.isFinite(totalSteps) ? step / totalSteps : 0, max_minutes ? seconds / (60 * max_minutes) : 0)
  return {
    totalSteps,
    progressAt,
    stateOf: ({ step, seconds, drawnAt } = { step: 0, seconds: 0, progress: 0, drawnAt: 0 }) => ({
      step,
      seconds,
      progress: progressAt(step, seconds),
      drawnAt,
    }),
  }
}
