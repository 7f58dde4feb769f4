/** Trains until a signal, for settings that would take long, and looks at what comes of it. */

import { toFloat32 } from "../../../src/checkpoint/element-types.js"
import { openTensors, readTensor } from "../../../src/checkpoint/safetensors/safetensors.js"
import type { TrainingConfig } from "../../../src/train/recipe/config.js"
import { train } from "../../../src/train/trainer.js"
import { Nonsense } from "../target.js"

/** Long enough for a few steps of the small model. */
const MILLISECONDS = 1500

/**
 * @returns whether it came to its end
 * @throws Nonsense when a loss or a weight of the trained model is not a number
 */
export async function trainBriefly(config: TrainingConfig): Promise<boolean> {
  const signal = AbortSignal.timeout(MILLISECONDS)
  try {
    for await (const event of train(config, { signal })) {
      if (event.type === "step" && !Number.isFinite(event.metrics.loss))
        throw new Nonsense(`a loss of ${event.metrics.loss} at step ${event.metrics.step}`)
      if (event.type !== "done") continue
      requireFinite(event.model)
      return true
    }
  } catch (error) {
    if (error !== signal.reason) throw error
  }
  return false
}

function requireFinite(folder: string): void {
  for (const [name, location] of openTensors(folder))
    if (!toFloat32(readTensor(location), location.dtype).every(Number.isFinite))
      throw new Nonsense(`a trained model with weights that are not numbers: ${name}`)
}
