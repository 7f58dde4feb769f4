/** Weights of a new connector, before its first training. */

import { type Device, type DType, Generator, rand, randn, type Tensor } from "../../torch/index.js"
import type { TiledVisionConfig } from "../tiled-vision.js"
import { featuresOf } from "../towers/features.js"
import { VISION_WEIGHTS } from "../vision-weights.js"
import { RecordingWeights } from "../weight-source.js"
import { buildConnector } from "./build.js"

export interface InitialWeightsOptions {
  dtype?: DType
  device?: Device
  trainable?: boolean
}

/**
 * By canonical name, as the authors' code starts: linear layers as PyTorch does, uniform within ±1/√inputs, weights and
 * biases; the newline normal with a standard deviation of 1/√H. The same seed gives the same weights whatever the type.
 * @throws UserError when tower and connector do not fit
 */
export function initialConnectorWeights(
  { tower, selection, connector, merge, hiddenSize }: TiledVisionConfig,
  seed: number,
  { dtype = "float32", device = "cpu", trainable = false }: InitialWeightsOptions = {},
): Map<string, Tensor> {
  const recording = new RecordingWeights()
  buildConnector(connector, featuresOf(tower, selection), hiddenSize, recording.at(VISION_WEIGHTS.connector))
  const generator = new Generator(seed)
  const made = new Map<string, Tensor>()
  for (const [name, [...shape]] of recording.shapes) {
    const inputs = recording.shapes.get(name.replace(/bias$/, "weight"))?.[1] as number
    made.set(
      name,
      rand(shape, { generator })
        .mul(2)
        .sub(1)
        .mul(1 / Math.sqrt(inputs)),
    )
  }
  if (merge.type !== "flat")
    made.set(VISION_WEIGHTS.newline, randn([hiddenSize], { generator }).mul(1 / Math.sqrt(hiddenSize)))
  return new Map(
    [...made].map(([name, weight]) => {
      const placed = weight.to({ dtype, device })
      return [name, trainable ? placed.requiresGrad_() : placed]
    }),
  )
}
