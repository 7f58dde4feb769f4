/** Tower and text encoder side by side, as SigLIP trains them (Zhai et al. 2023). */

import { finish } from "../../src/in-turns.js"
import { buildTower, readTowerConfig } from "../../src/models/towers/registry.js"
import type { TowerConfig } from "../../src/models/towers/tower.js"
import type { Vit } from "../../src/models/towers/vit.js"
import { MapWeights, RecordingWeights, type WeightSource } from "../../src/models/weight-source.js"
import { Generator, operator, randn, type Tensor, tensor } from "../../src/torch/index.js"
import type { Settings } from "./settings.js"
import { TextEncoder } from "./text.js"

const logSigmoid = operator("aten::log_sigmoid")

/** The tower's configuration as its folder will have it. */
export const towerConfigOf = ({ tower, data }: Pick<Settings, "tower" | "data">): TowerConfig =>
  readTowerConfig({ model_type: "siglip_vision_model", ...tower, image_size: data.size }, { key: "tower" })

export class Siglip {
  readonly #tower: Vit
  readonly #text: TextEncoder
  readonly #scale: Tensor
  readonly #bias: Tensor
  readonly #side: number

  constructor(
    config: TowerConfig,
    { vocabulary, width }: { vocabulary: ReadonlyMap<string, number>; width: number },
    readonly weights: WeightSource,
  ) {
    const selection = { layers: [-1], skipFirst: false, postNorm: true }
    this.#side = config.tileSize
    this.#tower = buildTower(config, selection, weights, "float32") as Vit
    this.#text = new TextEncoder(vocabulary, { width, output: config.hiddenSize }, weights.at("text_model"))
    this.#scale = weights.take("logit_scale", [1])
    this.#bias = weights.take("logit_bias", [1])
  }

  /** Pixels of B pictures → [B, C], each of length 1. */
  pictures(pixels: readonly Float32Array[]): Tensor {
    const side = this.#side
    const all = new Float32Array(pixels.length * 3 * side * side)
    for (const [i, values] of pixels.entries()) all.set(values, i * values.length)
    const features = finish(this.#tower.forwardInPieces(tensor(all, [pixels.length, 3, side, side])))
    return ofLengthOne(this.#tower.pool(features))
  }

  /** B texts → [B, C], each of length 1. */
  texts(texts: readonly string[]): Tensor {
    return ofLengthOne(this.#text.forward(texts))
  }

  /**
   * The sigmoid contrastive loss: whether text j belongs to picture i, for every pair, −1/B Σ_ij log σ(z_ij (t x_i·y_j + b)), where
   * z is 1 for a pair and −1 else.
   */
  loss(pixels: readonly Float32Array[], texts: readonly string[]): Tensor {
    const logits = this.pictures(pixels)
      .matmul(this.texts(texts).transpose(0, 1))
      .mul(this.#scale.exp())
      .add(this.#bias)
    const n = texts.length
    const signs = tensor(
      Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : -1)),
      [n, n],
    )
    return (logSigmoid.call(logits.mul(signs)) as Tensor).sum().neg().div(n)
  }
}

const ofLengthOne = (x: Tensor): Tensor => x.div(x.pow(2).sum([1], true).add(1e-12).sqrt())

type Parts = { config: TowerConfig; vocabulary: ReadonlyMap<string, number>; width: number }

/** Its first weights, which learn; the same for a seed. log t is log 10 and b is −10, as in the paper. */
export function newWeights({ config, ...text }: Parts, seed: number): Map<string, Tensor> {
  const recording = new RecordingWeights()
  new Siglip(config, text, recording)
  const generator = new Generator(seed)
  return new Map(
    [...recording.shapes].map(([name, shape]) => [name, first(name, [...shape], generator).requiresGrad_()]),
  )
}

function first(name: string, shape: number[], generator: Generator): Tensor {
  const size = shape.reduce((product, side) => product * side, 1)
  if (name === "logit_scale") return tensor([Math.log(10)])
  if (name === "logit_bias") return tensor([-10])
  if (shape.length === 1) return tensor(new Float32Array(size).fill(/norm\d?\.weight$/.test(name) ? 1 : 0), shape)
  const inputs = /embedding/.test(name) && !/patch/.test(name) ? 2500 : size / shape[0]
  return randn(shape, { generator }).mul(1 / Math.sqrt(name.endsWith("probe") ? shape[2] : inputs))
}

export const siglipOf = ({ config, ...text }: Parts, weights: ReadonlyMap<string, Tensor>): Siglip =>
  new Siglip(config, text, new MapWeights(weights))
