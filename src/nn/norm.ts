/** RMSNorm. */

import { rmsNorm, type Tensor } from "../torch/index.js"

/** x / sqrt(mean(x²) + eps) · weight over the last dimension, the mean taken in float32. */
export class RmsNorm {
  /** @param weight [H] in the compute type */
  constructor(
    readonly weight: Tensor,
    readonly eps: number,
  ) {}

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, this.eps)
  }
}
