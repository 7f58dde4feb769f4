/** Qwen2.5-VL and the DiffusionVL models made from it: a text decoder and a vision tower. Knows no paradigm. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { Work } from "../in-turns.js"
import type { KvCache } from "../nn/kv-cache.js"
import type { DType, Tensor } from "../torch/index.js"
import { Qwen2Decoder } from "./qwen2.js"
import { Qwen25Vision } from "./qwen2_5-vision.js"
import type { ForwardInput, ImageInput, VisionLanguageModel } from "./types.js"
import type { WeightMap } from "./weights.js"

export class Qwen25VL implements VisionLanguageModel {
  readonly hiddenSize: number
  readonly vocabSize: number
  readonly text: Qwen2Decoder
  readonly vision: Qwen25Vision
  readonly #weights: WeightMap

  /** @param dtype of activations; matrices may be stored in another type, norms and biases not */
  constructor(
    readonly config: ModelConfig,
    weights: WeightMap,
    readonly dtype: DType,
  ) {
    this.hiddenSize = config.text.hiddenSize
    this.vocabSize = config.text.vocabSize
    this.text = new Qwen2Decoder(config.text, weights, dtype)
    this.vision = new Qwen25Vision(config.vision, weights, dtype)
    this.#weights = weights
  }

  /** Gradient checkpointing: keeps only the input of each layer and computes the rest again in the backward pass. */
  set checkpointLayers(on: boolean) {
    this.text.checkpointLayers = on
    this.vision.checkpointLayers = on
  }

  embed(ids: Int32Array | Tensor): Tensor {
    return this.text.embed(ids)
  }
  forward(input: ForwardInput): Tensor {
    return this.text.forward(input)
  }
  logits(hidden: Tensor): Tensor {
    return this.text.logits(hidden)
  }
  newCache(batch: number, capacity: number): KvCache {
    return this.text.newCache(batch, capacity)
  }
  encodeImages(images: readonly ImageInput[]): Tensor[] {
    return this.vision.forward(images)
  }
  encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]> {
    return this.vision.forwardInPieces(images)
  }
  imageTokens(grid: ImageInput["grid"]): number {
    return this.vision.tokens(grid)
  }
  parameters(): Map<string, Tensor> {
    return new Map(this.#weights)
  }
}
