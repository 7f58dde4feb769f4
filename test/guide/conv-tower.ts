/** A small convolutional tower: three layers that halve the picture, and each place of the last map is a feature. */

import { z } from "zod"
import {
  type ConfigPlace,
  type Json,
  runLayer,
  type TileTower,
  type TowerConfig,
  type TowerFamily,
  UserError,
  type WeightSource,
  type Work,
} from "../../src/index.js"
import { type DType, gradEnabled, operator, type Tensor } from "../../src/torch-entry.js"

const conv2d = operator("aten::conv2d")

export interface ConvConfig extends TowerConfig {
  /** Channels behind each layer. */
  widths: number[]
}

const schema = z.looseObject({
  image_size: z.int().min(8).max(4096).multipleOf(8),
  widths: z.array(z.int().min(1).max(65536)).length(3),
})

function read(raw: Json, { key, where }: ConfigPlace): ConvConfig {
  const { success, data, error } = schema.safeParse(raw)
  if (!success) {
    const [{ path, message }] = error.issues
    throw new UserError(`${[key, ...path].filter((word) => word !== "").join(".")}: ${message}`, { where })
  }
  const side = data.image_size / 8
  return {
    family: "conv",
    hiddenSize: data.widths[2],
    tileSize: data.image_size,
    grid: [side, side],
    classTokens: 0,
    hiddenStates: 1,
    widths: data.widths,
    raw,
  }
}

class ConvTower implements TileTower {
  readonly hiddenSize: number
  checkpointLayers = false
  readonly #layers: { weight: Tensor; bias: Tensor }[]

  constructor(
    { widths }: ConvConfig,
    weights: WeightSource,
    readonly dtype: DType,
  ) {
    this.hiddenSize = widths[2]
    this.#layers = widths.map((width, i) => {
      const layer = weights.at(`layers.${i}`)
      return { weight: layer.take("weight", [width, widths[i - 1] ?? 3, 3, 3]), bias: layer.take("bias", [width]) }
    })
  }

  *forwardInPieces(pixels: Tensor): Work<Tensor> {
    const { device } = this.#layers[0].weight
    const recording = gradEnabled() && this.#layers.some(({ weight }) => weight.requiresGrad)
    let x = pixels.to({ device, dtype: this.dtype })
    for (const { weight, bias } of this.#layers) {
      const layer = (input: Tensor): Tensor =>
        conv2d.call(input, weight.to(this.dtype), bias, [2, 2], [1, 1], [1, 1], 1).clamp(0, 6)
      x = runLayer(x, layer, { recording, recompute: this.checkpointLayers })
      yield
    }
    return x.flatten(2).transpose(1, 2)
  }
}

export const conv: TowerFamily<ConvConfig> = {
  name: "conv",
  title: "a small convolutional network",
  modelTypes: ["small_conv"],
  read,
  write: ({ raw }) => raw,
  layout: { rules: [{ stored: "features.{i}.*", canonical: "layers.{i}.*" }], ignored: ["classifier.*"] },
  build: (config, _, weights, dtype) => new ConvTower(config, weights, dtype),
}
