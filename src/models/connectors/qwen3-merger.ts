/** Qwen3-VL's mergers: each cell of neighbouring patches becomes one row as wide as the language model's embeddings. */

import type { LayerNorm } from "../../nn/layer-norm.js"
import type { Linear } from "../../nn/linear.js"
import type { Tensor } from "../../torch/index.js"
import type { Qwen3VisionConfig } from "../towers/qwen3-config.js"
import { takeLayerNorm, takeLinear, type WeightSource } from "../weight-source.js"
import type { Connector } from "./connector.js"

export class Qwen3Merger implements Connector {
  readonly #cell: number
  readonly #norm: LayerNorm
  readonly #first: Linear
  readonly #second: Linear

  /** @param afterJoin the norm is that of a whole cell, as the mergers of DeepStack have it, not of each patch */
  constructor(config: Qwen3VisionConfig, weights: WeightSource, { afterJoin }: { afterJoin: boolean }) {
    const { hiddenSize, mergeSize, outHiddenSize, normEps } = config
    this.#cell = hiddenSize * mergeSize ** 2
    this.#norm = takeLayerNorm(weights, "norm", afterJoin ? this.#cell : hiddenSize, normEps)
    this.#first = takeLinear(weights, "linear_fc1", [this.#cell, this.#cell], true)
    this.#second = takeLinear(weights, "linear_fc2", [outHiddenSize, this.#cell], true)
  }

  /** [patches, hidden], patches of a cell behind one another → [cells, H] */
  forward(hidden: Tensor): Tensor {
    const width = this.#norm.weight.shape[0]
    const cells = this.#norm.forward(hidden.view(-1, width)).view(-1, this.#cell)
    return this.#second.forward(this.#first.forward(cells).gelu())
  }
}
