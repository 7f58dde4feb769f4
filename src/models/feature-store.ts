/** Where features of pictures are kept, so that a tower that does not learn computes each picture once. */

import type { Tensor } from "../torch/index.js"

export interface FeatureStore {
  /**
   * What was kept for these pixels, on any device.
   * @param pixels of one picture, as the tower gets them
   * @param shape of its features
   */
  get(pixels: Float32Array, shape: readonly number[]): Tensor | undefined
  put(pixels: Float32Array, features: Tensor): void
}
