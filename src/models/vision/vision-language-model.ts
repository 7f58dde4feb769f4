/** A language model that sees: one that reads text, and what makes features of pictures. Knows no paradigm and no family. */

import type { ModelConfig } from "../../checkpoint/config.js"
import { UserError } from "../../errors.js"
import { tokensOf } from "../../image/processors/pieces.js"
import { finish, type Work } from "../../in-turns.js"
import type { KvCache } from "../../nn/kv-cache.js"
import type { DType, Tensor } from "../../torch/index.js"
import type { ForwardInput, ImageInput, LanguageModel } from "../types.js"
import type { WeightSource } from "../weight-source.js"
import type { FeatureSource } from "./feature-store.js"

/** A vision tower with its connector. */
export interface ImageEncoder {
  /** Keeps only the input of each layer for the backward pass and computes the rest a second time. */
  checkpointLayers: boolean
  /** Pictures as the family's processor prepares them → features of each, [tokens, E], stopping after each layer. */
  forwardInPieces(images: readonly ImageInput[]): Work<Tensor[]>
  /** Where it can keep features. */
  readonly featureSource?: FeatureSource
}

/**
 * @typeParam C configuration of the family
 * @typeParam V its vision part
 */
export class VisionLanguageModel<C extends ModelConfig = ModelConfig, V extends ImageEncoder = ImageEncoder>
  implements LanguageModel
{
  /** @param weights the source that both parts were built from */
  constructor(
    readonly config: C,
    readonly text: LanguageModel,
    readonly vision: V,
    readonly weights: WeightSource,
  ) {}

  get dtype(): DType {
    return this.text.dtype
  }
  get hiddenSize(): number {
    return this.text.hiddenSize
  }
  get vocabSize(): number {
    return this.text.vocabSize
  }
  get checkpointLayers(): boolean {
    return this.text.checkpointLayers
  }
  get featureSource(): FeatureSource | undefined {
    return this.vision.featureSource
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
  lengthKey(length: number): number {
    return this.text.lengthKey?.(length) ?? 0
  }
  newCache(capacity: number): KvCache {
    return this.text.newCache(capacity)
  }
  encodeImages(images: readonly ImageInput[]): Tensor[] {
    return finish(this.encodeImagesInPieces(images))
  }
  *encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]> {
    const features = yield* this.vision.forwardInPieces(images)
    requireRows(features, images)
    return features
  }
  parameters(): Map<string, Tensor> {
    return new Map(this.weights.taken)
  }
}

/** Features take the place of the tokens that pictures stand for: as many, or all that follows would be read in other places. */
function requireRows(features: readonly Tensor[], images: readonly ImageInput[]): void {
  for (const [i, { pieces }] of images.entries()) {
    const [rows, tokens] = [features[i].shape[0], tokensOf(pieces)]
    if (rows !== tokens)
      throw new UserError(`image ${i + 1} stands for ${tokens} tokens, but the model makes ${rows} features of it`, {
        fix: "the settings of its pictures must be those of its tower and connector",
      })
  }
}
