/** How one of many layers is run: forgetting what it computed on the way, keeping it, or computing it again. */

import { checkpoint, type Tensor, tidy } from "../torch/index.js"
import { withSameMasks } from "./dropout.js"

export interface LayerRun {
  /** A backward pass will come back to it. */
  recording: boolean
  /** Gradient checkpointing: of a recorded layer only the input is kept, and the backward pass runs it a second time. */
  recompute: boolean
}

/** x → layer(x); the layer must compute the same values both times. */
export function runLayer(x: Tensor, layer: (x: Tensor) => Tensor, { recording, recompute }: LayerRun): Tensor {
  if (!recording) return tidy(() => layer(x))
  return recompute ? checkpoint([x], withSameMasks(layer)) : layer(x)
}
