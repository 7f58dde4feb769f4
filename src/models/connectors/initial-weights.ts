/** Weights of a new connector, before its first training. */

import { type Device, type DType, full, Generator, rand, randn, type Tensor } from "../../torch/index.js"
import { featuresOf } from "../towers/features.js"
import type { TiledVisionConfig } from "../vision/tiled-vision.js"
import { VISION_WEIGHTS } from "../vision/vision-weights.js"
import { RecordingWeights } from "../weight-source.js"
import { buildConnector } from "./registry.js"

export interface InitialWeightsOptions {
  dtype?: DType
  device?: Device
  trainable?: boolean
}

/**
 * By canonical name, as the authors' code starts: linear layers and convolutions as PyTorch does, uniform within ±1/√inputs, weights and
 * biases; norms as one and zero; the newline normal with a standard deviation of 1/√H. The same seed gives the same weights whatever the type.
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
    const [, ...inputs] = recording.shapes.get(name.replace(/bias$/, "weight")) ?? shape
    made.set(name, inputs.length === 0 ? vector(name, shape) : uniform(shape, product(inputs), generator))
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

const uniform = (shape: number[], inputs: number, generator: Generator): Tensor =>
  rand(shape, { generator })
    .mul(2)
    .sub(1)
    .mul(1 / Math.sqrt(inputs))

/** Of a norm: no matrix stands beside it. */
const vector = (name: string, shape: number[]): Tensor => full(shape, name.endsWith("bias") ? 0 : 1)

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1)
