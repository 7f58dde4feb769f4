/** Pixel shuffle, the connector of Idefics3 and SmolVLM: fewer features of more channels, then a linear layer. */

import type { Linear } from "../../nn/linear.js"
import type { Tensor } from "../../torch/index.js"
import type { TileFeatures } from "../towers/features.js"
import type { FeatureGrid } from "../towers/tower.js"
import { takeLinear, type WeightSource } from "../weight-source.js"
import type { Connector } from "./connector.js"

export class PixelShuffle implements Connector {
  readonly #factor: number
  readonly #grid: FeatureGrid
  readonly #projection: Linear

  constructor(factor: number, features: TileFeatures, hiddenSize: number, weights: WeightSource) {
    this.#factor = factor
    this.#grid = features.grid as FeatureGrid
    this.#projection = takeLinear(weights, "proj", [hiddenSize, features.channels * factor ** 2], false)
  }

  forward(features: Tensor): Tensor {
    return this.#projection.forward(pixelShuffle(features, this.#grid, this.#factor))
  }
}

/**
 * [T, rows · columns, C] → [T, rows · columns / f², f² C]: cells of f × f neighbours in raster order, and in a cell the
 * channels of its features in raster order.
 */
export function pixelShuffle(features: Tensor, [rows, columns]: FeatureGrid, f: number): Tensor {
  const [tiles, count, channels] = features.shape
  return features
    .reshape(tiles, rows / f, f, columns / f, f, channels)
    .permute(0, 1, 3, 2, 4, 5)
    .reshape(tiles, count / f ** 2, f ** 2 * channels)
}
