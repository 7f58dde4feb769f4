/** The plain feed-forward part of a transformer layer: two linear layers and what stands between them. */

import { operator, type Tensor } from "../torch/index.js"
import type { Linear } from "./linear.js"

const sigmoid = operator("aten::sigmoid")
const relu = operator("aten::relu")

/** As config.json files name them. */
export type Activation = "gelu" | "gelu_pytorch_tanh" | "gelu_new" | "quick_gelu" | "relu" | "silu"

export const ACTIVATIONS: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  /** The exact one, with erf. */
  gelu: (x: Tensor) => x.gelu(),
  gelu_pytorch_tanh: (x: Tensor) => x.gelu("tanh"),
  gelu_new: (x: Tensor) => x.gelu("tanh"),
  quick_gelu: (x: Tensor) => x.mul(sigmoid.call(x.mul(1.702))),
  relu: (x: Tensor) => relu.call(x),
  silu: (x: Tensor) => x.silu(),
}

/** second(activation(first(x))) */
export class Mlp {
  constructor(
    readonly first: Linear,
    readonly second: Linear,
    readonly activation: Activation,
  ) {}

  forward(x: Tensor): Tensor {
    return this.second.forward(ACTIVATIONS[this.activation](this.first.forward(x)))
  }
}
