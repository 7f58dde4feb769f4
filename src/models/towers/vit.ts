/** A plain vision transformer over square tiles: CLIP's and SigLIP's, which differ in what stands before and behind the layers. */

import { finish, type Work } from "../../in-turns.js"
import { forget } from "../../nn/attention.js"
import { bidirectional } from "../../nn/attention-pattern.js"
import type { LayerNorm } from "../../nn/layer-norm.js"
import { multiply } from "../../nn/linear.js"
import { runLayer } from "../../nn/run-layer.js"
import { cat, type DType, embedding, gradEnabled, type Tensor, tensor } from "../../torch/index.js"
import { takeLayerNorm, type WeightSource } from "../weight-source.js"
import { featuresOf, hiddenStatesOf } from "./features.js"
import { PoolingHead } from "./pooling-head.js"
import type { FeatureSelection, TileTower } from "./tower.js"
import type { VitConfig } from "./vit-config.js"
import { VitLayer } from "./vit-layer.js"

export class Vit implements TileTower {
  readonly hiddenSize: number
  checkpointLayers = false

  readonly #config: VitConfig
  readonly #selection: FeatureSelection
  readonly #dtype: DType
  readonly #embeddings: { patch: Tensor; bias: Tensor | null; position: Tensor; class: Tensor | null }
  readonly #preNorm: LayerNorm | null
  readonly #postNorm: LayerNorm
  readonly #layers: readonly VitLayer[]
  readonly #head: PoolingHead | null
  /** Hidden states that are wanted, counted from 0. */
  readonly #wanted: readonly number[]
  /** Those that features depend on. */
  readonly #weights: readonly Tensor[]

  constructor(config: VitConfig, selection: FeatureSelection, weights: WeightSource, dtype: DType) {
    const { hiddenSize, patchSize, normEps } = config
    const root = weights.at("vision_model")
    const embeddings = root.at("embeddings")
    const [rows, columns] = config.grid
    this.#config = config
    this.#selection = selection
    this.#dtype = dtype
    this.#wanted = hiddenStatesOf(config, selection)
    const before = new Set(weights.taken.values())
    this.#embeddings = {
      class: config.classTokens > 0 ? embeddings.take("class_embedding", [hiddenSize]) : null,
      patch: embeddings.at("patch_embedding").take("weight", [hiddenSize, 3, patchSize, patchSize]),
      bias: config.preNorm ? null : embeddings.at("patch_embedding").take("bias", [hiddenSize]),
      position: embeddings.at("position_embedding").take("weight", [rows * columns + config.classTokens, hiddenSize]),
    }
    this.#preNorm = config.preNorm ? takeLayerNorm(root, "pre_layrnorm", hiddenSize, normEps) : null
    this.#layers = Array.from({ length: config.layers }, (_, i) => new VitLayer(config, root.at(`encoder.layers.${i}`)))
    this.#weights = [...weights.taken.values()].filter((weight) => !before.has(weight))
    this.#postNorm = takeLayerNorm(root, "post_layernorm", hiddenSize, normEps)
    this.#head = config.head ? new PoolingHead(config, root.at("head")) : null
    this.hiddenSize = featuresOf(config, selection).channels
  }

  /** `forwardInPieces` at once. */
  forward(pixels: Tensor): Tensor {
    return finish(this.forwardInPieces(pixels))
  }

  /** @param pixels [T, 3, S, S] → [T, P, C] */
  *forwardInPieces(pixels: Tensor): Work<Tensor> {
    const recording = gradEnabled() && this.#weights.some((weight) => weight.requiresGrad)
    const last = Math.max(...this.#wanted)
    const [tiles] = pixels.shape
    const pattern = bidirectional(this.#config.grid[0] * this.#config.grid[1] + this.#config.classTokens)
    const patterns = Array.from({ length: tiles }, () => pattern)
    const states = new Map<number, Tensor>()
    let x = runLayer(pixels, (input) => this.#embed(input), { recording, recompute: false })
    if (this.#wanted.includes(0)) states.set(0, x)
    yield
    try {
      for (const [i, layer] of this.#layers.slice(0, last).entries()) {
        const body = (input: Tensor): Tensor => layer.forward(input, patterns)
        x = runLayer(x, body, { recording, recompute: this.checkpointLayers })
        if (this.#wanted.includes(i + 1)) states.set(i + 1, x)
        yield
      }
    } finally {
      if (!recording) forget(patterns)
    }
    return this.#select(this.#wanted.map((index) => states.get(index) as Tensor))
  }

  /**
   * One vector for each tile, by attention pooling: SigLIP's embedding of a picture.
   * @param features [T, P, C] of the last layer, with the post norm
   */
  pool(features: Tensor): Tensor {
    if (!this.#head) throw new Error("this tower has no pooling head")
    return this.#head.forward(features)
  }

  /** [T, 3, S, S] → [T, P, C], what the first layer gets. */
  #embed(pixels: Tensor): Tensor {
    const { patch, bias, position, class: classToken } = this.#embeddings
    const [tiles] = pixels.shape
    const input = patches(pixels.to({ device: patch.device, dtype: this.#dtype }), this.#config)
    const embedded = multiply(input, patch.flatten(1), bias)
    const withClass = classToken
      ? cat([classToken.to(this.#dtype).view(1, 1, -1).expand(tiles, 1, this.#config.hiddenSize), embedded], 1)
      : embedded
    const x = withClass.add(this.#positions(position).to(this.#dtype))
    return this.#preNorm ? this.#preNorm.forward(x) : x
  }

  #positions(table: Tensor): Tensor {
    if (!this.#config.shiftedPositions) return table
    return embedding(table, tensor(shiftedPositions(this.#config.grid)).to({ device: table.device, dtype: "int64" }))
  }

  #select(states: readonly Tensor[]): Tensor {
    const { skipFirst, postNorm } = this.#selection
    const chosen = states.map((state) => {
      const whole = postNorm ? this.#postNorm.forward(state) : state
      return skipFirst ? whole.narrow(1, 1, whole.shape[1] - 1) : whole
    })
    return cat(chosen, 2)
  }
}

/** [T, 3, S, S] → [T, P, 3 · p · p], patches in raster order; pixels that fill no patch are left out. */
function patches(pixels: Tensor, { grid: [rows, columns], patchSize: p }: VitConfig): Tensor {
  const [tiles, channels] = pixels.shape
  return pixels
    .narrow(2, 0, rows * p)
    .narrow(3, 0, columns * p)
    .reshape(tiles, channels, rows, p, columns, p)
    .permute(0, 2, 4, 1, 3, 5)
    .reshape(tiles, rows * columns, channels * p * p)
}

function shiftedPositions([rows, columns]: readonly [number, number]): Int32Array {
  const shifted = (index: number): number => Math.max(0, index - 1)
  return Int32Array.from(
    { length: rows * columns },
    (_, i) => shifted(Math.floor(i / columns)) * columns + shifted(i % columns),
  )
}
