/** Where features of pictures are kept, so that a tower that does not learn computes each picture once; and what makes them. */

import type { Tensor } from "../../torch/index.js"

export interface FeatureStore {
  /**
   * What was kept for these pixels, on any device.
   * @param pixels of one picture, as the tower gets them
   * @param shape of its features
   */
  get(pixels: Float32Array, shape: readonly number[]): Tensor | undefined
  put(pixels: Float32Array, features: Tensor): void
}

/** The part of a model whose features of a picture can be kept: as long as it does not learn, they are the same again. */
export interface FeatureSource {
  /** All that they depend on beside weights and pixels. */
  readonly described: unknown
  /** Its weights, those of adapters too, by canonical names. */
  readonly weights: ReadonlyMap<string, Tensor>
  /** Whether one of them requires a gradient. */
  readonly learns: boolean
  /** Given: what it makes is kept there, and pictures that are known are not computed. For one that does not learn. */
  features?: FeatureStore
}
