/** LayerNorm, as vision towers have it. */

import { operator, type Tensor } from "../torch/index.js"

const layerNorm = operator("aten::layer_norm")

/** (x − mean(x)) / sqrt(var(x) + eps) · weight + bias over the last dimension. */
export class LayerNorm {
  /** @param weight and bias [H] in the compute type */
  constructor(
    readonly weight: Tensor,
    readonly bias: Tensor,
    readonly eps: number,
  ) {}

  forward(x: Tensor): Tensor {
    return layerNorm.call(x, [this.weight.shape[0]], this.weight, this.bias, this.eps)
  }
}
