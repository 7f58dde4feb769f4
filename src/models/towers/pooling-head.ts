/** SigLIP's attention pooling: one learned query looks at all features of a tile. */

import { attention } from "../../nn/attention.js"
import type { LayerNorm } from "../../nn/layer-norm.js"
import { type Linear, multiply } from "../../nn/linear.js"
import { Mlp } from "../../nn/mlp.js"
import type { Tensor } from "../../torch/index.js"
import { takeLayerNorm, takeLinear, type WeightSource } from "../weight-source.js"
import type { VitConfig } from "./vit-config.js"

export class PoolingHead {
  readonly #heads: number
  readonly #probe: Tensor
  /** Queries, keys and values in one, [3 C, C]. */
  readonly #input: { weight: Tensor; bias: Tensor }
  readonly #output: Linear
  readonly #norm: LayerNorm
  readonly #mlp: Mlp

  constructor(config: VitConfig, weights: WeightSource) {
    const { hiddenSize: size, intermediateSize: inner, normEps, activation } = config
    const module = weights.at("attention")
    this.#heads = config.heads
    this.#probe = weights.take("probe", [1, 1, size])
    this.#input = {
      weight: module.take("in_proj_weight", [3 * size, size]),
      bias: module.take("in_proj_bias", [3 * size]),
    }
    this.#output = takeLinear(module, "out_proj", [size, size], true)
    this.#norm = takeLayerNorm(weights, "layernorm", size, normEps)
    this.#mlp = new Mlp(
      takeLinear(weights, "mlp.fc1", [inner, size], true),
      takeLinear(weights, "mlp.fc2", [size, inner], true),
      activation,
    )
  }

  /** features [T, P, C] → [T, C] */
  forward(features: Tensor): Tensor {
    const [tiles, count, size] = features.shape
    const split = (x: Tensor): Tensor => x.view(x.shape[0], x.shape[1], this.#heads, -1).transpose(1, 2)
    const project = (x: Tensor, first: number): Tensor =>
      split(
        multiply(x, this.#input.weight.narrow(0, first * size, size), this.#input.bias.narrow(0, first * size, size)),
      )
    const q = project(this.#probe.to(features.dtype), 0).expand(tiles, this.#heads, 1, size / this.#heads)
    const pattern = { queries: 1, keys: count, spans: [{ queries: [0, 1], keys: [[0, count]] }] } as const
    const patterns = Array.from({ length: tiles }, () => pattern)
    const attended = attention(q, project(features, 1), project(features, 2), patterns)
    const x = this.#output.forward(attended.transpose(1, 2).reshape(tiles, 1, size))
    return x.add(this.#mlp.forward(this.#norm.forward(x))).squeeze(1)
  }
}
