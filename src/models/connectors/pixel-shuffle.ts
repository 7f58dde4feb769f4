/** Pixel shuffle, the connector of Idefics3 and SmolVLM: fewer features of more channels, then a linear layer. */

import { UserError } from "../../errors.js"
import type { Tensor } from "../../torch/index.js"
import type { FeatureGrid } from "../towers/tower.js"
import { takeLinear } from "../weight-source.js"
import type { ConnectorConfig, ConnectorFamily } from "./connector.js"

/** Each factor × factor features become one of factor² the channels, and a linear layer without bias follows. */
export interface PixelShuffleConfig extends ConnectorConfig {
  family: "pixel_shuffle"
  factor: number
}

export const pixelShuffleOf = (factor: number): PixelShuffleConfig => ({
  family: "pixel_shuffle",
  name: factor === 2 ? "pixel_shuffle" : `pixel_shuffle${factor}`,
  factor,
})

export const pixel_shuffle: ConnectorFamily<PixelShuffleConfig> = {
  name: "pixel_shuffle",
  usage: "pixel_shuffle (2 × 2; or pixel_shuffle3, …)",
  read(name) {
    const digits = /^pixel_shuffle(\d{0,3})$/.exec(name)?.[1]
    const factor = Number(digits || 2)
    return digits === undefined || factor < 2 ? undefined : pixelShuffleOf(factor)
  },
  rows({ factor }, { count, grid }, where) {
    const fix = "use another connector, such as mlp2x_gelu"
    if (!grid)
      throw new UserError(`pixel shuffle needs a grid of features, and the tower's ${count} form none`, { where, fix })
    const [rows, columns] = grid
    if (rows % factor === 0 && columns % factor === 0)
      return { count: count / factor ** 2, grid: [rows / factor, columns / factor] }
    throw new UserError(
      `pixel shuffle of ${factor} × ${factor} does not divide the tower's ${rows} × ${columns} features`,
      { where, fix },
    )
  },
  build({ factor }, { channels, grid }, hiddenSize, weights) {
    const projection = takeLinear(weights, "proj", [hiddenSize, channels * factor ** 2], false)
    return { forward: (features) => projection.forward(pixelShuffle(features, grid!, factor)) }
  },
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
