/** What a training tells while it runs. */

import type { StepMetrics } from "../metrics.js"

export type TrainingEvent =
  /** Before the first step of this session; `step` is above 0 when resumed. */
  | {
      type: "start"
      step: number
      totalSteps: number
      parameters: number
      samples: number
      dtype: string
      device: string
    }
  | { type: "step"; metrics: StepMetrics }
  | { type: "checkpoint"; folder: string }
  /** Stopped by the signal; the same command goes on from the checkpoint. */
  | { type: "interrupted"; folder: string; step: number }
  | { type: "done"; model: string; seconds: number }
