/** Qwen2.5-VL and the DiffusionVL models made from it: a text decoder and a vision tower. Knows no paradigm. */

import type { Work } from "../in-turns.js"
import type { KvCache } from "../nn/kv-cache.js"
import type { DType, Tensor } from "../torch/index.js"
import { Decoder } from "./decoder.js"
import type { QwenVlConfig } from "./families/qwen2_5_vl-read.js"
import { Qwen25Vision, type QwenImageInput } from "./qwen2_5-vision.js"
import type { ForwardInput, ImageInput, LanguageModel } from "./types.js"
import type { WeightSource } from "./weight-source.js"

export class Qwen25VL implements LanguageModel {
  readonly hiddenSize: number
  readonly vocabSize: number
  readonly text: Decoder
  readonly vision: Qwen25Vision
  readonly #weights: WeightSource

  /** @param dtype of activations; matrices may be stored in another type, norms and biases not */
  constructor(
    readonly config: QwenVlConfig,
    weights: WeightSource,
    readonly dtype: DType,
  ) {
    this.hiddenSize = config.text.hiddenSize
    this.vocabSize = config.text.vocabSize
    this.text = new Decoder(config, weights, dtype)
    this.vision = new Qwen25Vision(config.vision, weights, dtype)
    this.#weights = weights
  }

  get checkpointLayers(): boolean {
    return this.text.checkpointLayers
  }
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
  forwardInPieces(input: ForwardInput): Work<Tensor> {
    return this.text.forwardInPieces(input)
  }
  logits(hidden: Tensor): Tensor {
    return this.text.logits(hidden)
  }
  newCache(capacity: number): KvCache {
    return this.text.newCache(capacity)
  }
  encodeImages(images: readonly ImageInput[]): Tensor[] {
    return this.vision.forward(images as readonly QwenImageInput[])
  }
  encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]> {
    return this.vision.forwardInPieces(images as readonly QwenImageInput[])
  }
  parameters(): Map<string, Tensor> {
    return new Map(this.#weights.taken)
  }
}
