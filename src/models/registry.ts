/** The families of models, a line each; building them, and new models with random weights. */

import { EMBEDDING } from "../checkpoint/checkpoint.js"
import type { ModelConfig } from "../checkpoint/config.js"
import { type Device, type DType, full, Generator, randn, type Tensor, zeros } from "../torch/index.js"
import { llada } from "./families/llada.js"
import { llama } from "./families/llama.js"
import { llava, llava_onevision } from "./families/llava.js"
import { llava_llada } from "./families/llava_llada.js"
import { llava_qwen } from "./families/llava_qwen.js"
import { mistral } from "./families/mistral.js"
import { qwen2 } from "./families/qwen2.js"
import { qwen2_5_vl } from "./families/qwen2_5_vl.js"
import { qwen3 } from "./families/qwen3.js"
import { qwen3_vl } from "./families/qwen3_vl.js"
import { smollm3 } from "./families/smollm3.js"
import { smolvlm } from "./families/smolvlm.js"
import { architectureOf, registerArchitecture } from "./registered.js"
import type { LanguageModel } from "./types.js"
import { MapWeights, RecordingWeights, type WeightAdapters } from "./weight-source.js"

for (const family of [
  qwen2_5_vl,
  qwen2,
  qwen3,
  llama,
  mistral,
  smollm3,
  llada,
  qwen3_vl,
  llava,
  llava_onevision,
  smolvlm,
  llava_qwen,
  llava_llada,
])
  registerArchitecture(family)

export { architectureOf, architectureOfType, architectures, registerArchitecture } from "./registered.js"

export type Model = LanguageModel

/**
 * A model over these weights (by canonical name, exactly those of `expectedTensors(config)`), computing in `dtype`.
 * @param adapters what is learned beside them
 */
export function buildModel(
  config: ModelConfig,
  weights: ReadonlyMap<string, Tensor>,
  dtype: DType,
  adapters?: WeightAdapters,
): Model {
  return architectureOf(config).build(config, new MapWeights(weights, adapters), dtype)
}

/** Canonical name → shape of every tensor of a model, in the order in which it takes them. */
export function expectedTensors(config: ModelConfig): Map<string, readonly number[]> {
  const recording = new RecordingWeights()
  architectureOf(config).build(config, recording, "float32")
  return recording.shapes
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
  const make = (name: string, [...shape]: readonly number[]): Tensor => {
    if (name.endsWith(".bias")) return zeros(shape)
    if (shape.length === 1) return full(shape, 1)
    return randn(shape, { generator }).mul_(name === EMBEDDING ? embeddingStd : std)
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
