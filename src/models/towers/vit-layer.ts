/** One layer of a plain vision transformer: attention and feed-forward part, each behind a norm. */

import { attention } from "../../nn/attention.js"
import type { AttentionPattern } from "../../nn/attention-pattern.js"
import type { LayerNorm } from "../../nn/layer-norm.js"
import type { Linear } from "../../nn/linear.js"
import { Mlp } from "../../nn/mlp.js"
import type { Tensor } from "../../torch/index.js"
import { takeLayerNorm, takeLinear, type WeightSource } from "../weight-source.js"
import type { VitConfig } from "./vit-config.js"

export class VitLayer {
  readonly #heads: number
  readonly #attentionNorm: LayerNorm
  readonly #projections: Linear[]
  readonly #output: Linear
  readonly #mlpNorm: LayerNorm
  readonly #mlp: Mlp

  constructor(config: VitConfig, weights: WeightSource) {
    const { hiddenSize: size, intermediateSize: inner, normEps, activation } = config
    const square = (name: string): Linear => takeLinear(weights, `self_attn.${name}`, [size, size], true)
    this.#heads = config.heads
    this.#attentionNorm = takeLayerNorm(weights, "layer_norm1", size, normEps)
    this.#projections = ["q_proj", "k_proj", "v_proj"].map(square)
    this.#output = square("out_proj")
    this.#mlpNorm = takeLayerNorm(weights, "layer_norm2", size, normEps)
    this.#mlp = new Mlp(
      takeLinear(weights, "mlp.fc1", [inner, size], true),
      takeLinear(weights, "mlp.fc2", [size, inner], true),
      activation,
    )
  }

  /** x [T, P, C] */
  forward(x: Tensor, patterns: readonly AttentionPattern[]): Tensor {
    const [tiles, count, size] = x.shape
    const normed = this.#attentionNorm.forward(x)
    const [q, k, v] = this.#projections.map((projection) =>
      projection.forward(normed).view(tiles, count, this.#heads, -1).transpose(1, 2),
    )
    const attended = attention(q, k, v, patterns).transpose(1, 2).reshape(tiles, count, size)
    const h = x.add(this.#output.forward(attended))
    return h.add(this.#mlp.forward(this.#mlpNorm.forward(h)))
  }
}
