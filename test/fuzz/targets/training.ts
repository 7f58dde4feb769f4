/** Trains until a signal, for recipes that would take long. */

import type { TrainingConfig } from "../../../src/train/config.js"
import { train } from "../../../src/train/trainer.js"
import { Nonsense } from "../target.js"

/** Long enough for a few steps of the small model. */
const MILLISECONDS = 1500

/** @returns whether it came to its end */
export async function trainBriefly(config: TrainingConfig): Promise<boolean> {
  const signal = AbortSignal.timeout(MILLISECONDS)
  try {
    for await (const event of train(config, { signal })) {
      if (event.type === "done") return true
      if (event.type === "step" && !Number.isFinite(event.metrics.loss))
        throw new Nonsense(`a loss of ${event.metrics.loss} at step ${event.metrics.step}`)
    }
  } catch (error) {
    if (error !== signal.reason) throw error
  }
  return false
}
