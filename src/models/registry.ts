/** Which class computes which model type, and new models with random weights. */

import type { ModelConfig, ModelType } from "../checkpoint/config.js"
import { expectedTensors } from "../checkpoint/expected-tensors.js"
import { type Device, type DType, full, Generator, randn, type Tensor, zeros } from "../torch/index.js"
import { Qwen25VL } from "./qwen2_5_vl.js"
import type { WeightMap } from "./weights.js"

export type Model = Qwen25VL

const CLASSES: Record<ModelType, new (config: ModelConfig, weights: WeightMap, dtype: DType) => Model> = {
  qwen2_5_vl: Qwen25VL,
  diffusionvl_qwenvl: Qwen25VL,
}

/** A model over these weights (by canonical name, exactly those of `expectedTensors(config)`), computing in `dtype`. */
export function buildModel(config: ModelConfig, weights: WeightMap, dtype: DType): Model {
  return new CLASSES[config.modelType](config, weights, dtype)
}

export interface InitialiseOptions {
  /** Standard deviation of matrices. */
  std?: number
  /** Standard deviation of the embedding rows. */
  embeddingStd?: number
  dtype?: DType
  device?: Device
  trainable?: boolean
}

/**
 * Random weights for a new model, as the published training code starts: normal matrices, zero biases, unit norms.
 * The same seed gives the same weights whatever the dtype and device.
 */
export function initialiseWeights(
  config: ModelConfig,
  seed: number,
  { std = 0.02, embeddingStd = std, dtype = "float32", device = "cpu", trainable = false }: InitialiseOptions = {},
): Map<string, Tensor> {
  const generator = new Generator(seed)
  const make = (name: string, shape: number[]): Tensor => {
    if (name.endsWith(".bias")) return zeros(shape)
    if (shape.length === 1) return full(shape, 1)
    return randn(shape, { generator }).mul_(name === "model.embed_tokens.weight" ? embeddingStd : std)
  }
  const weights = new Map<string, Tensor>()
  for (const [name, shape] of expectedTensors(config)) {
    const weight = make(name, shape).to({ dtype, device })
    weights.set(name, trainable ? weight.requiresGrad_() : weight)
  }
  return weights
}

/** A new model with random weights. */
export function newModel(config: ModelConfig, seed: number, options: InitialiseOptions = {}): Model {
  return buildModel(config, initialiseWeights(config, seed, options), options.dtype ?? "float32")
}
