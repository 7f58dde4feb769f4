/** The logits as a model gives them: every one must be a finite number, whatever rules of decoding make of them. */

import type { Tensor } from "../torch/index.js"
import { NotFiniteError } from "./not-finite.js"

/** Half precision cannot hold confidences. */
export function preciseLogits(logits: Tensor): Tensor {
  return logits.dtype === "float64" ? logits : logits.to("float32")
}

/** Make it before any rule of decoding is applied, and within a `tidy`. */
export class ModelLogits {
  /** [n, V], in float32 at least. */
  readonly values: Tensor
  /**
   * [n]: the sum of each row. One infinity or NaN in a row makes an infinity or NaN of its sum, which is read with what
   * is read from the device anyhow.
   */
  readonly sums: Tensor
  #banned?: { token: number; logits: Tensor }

  constructor(logits: Tensor) {
    this.values = preciseLogits(logits)
    this.sums = this.values.sum([1])
  }

  /** Rules a token out, in place: its logits become −∞. At most one token, once. */
  ban(token: number): void {
    const column = this.values.narrow(1, token, 1)
    this.#banned = { token, logits: column.clone() }
    column.fill_(Number.NEGATIVE_INFINITY)
  }

  /**
   * @param sums `sums`, read from the device
   * @throws NotFiniteError when a logit of the model is not finite
   */
  requireFinite(sums: ArrayLike<number>): void {
    for (let row = 0; row < sums.length; row++)
      // The sum of finite numbers may be beyond float32.
      if (!Number.isFinite(sums[row]) && !this.areFinite()) throw new NotFiniteError()
  }

  /** Looks at every logit. */
  areFinite(): boolean {
    const finite = this.values.isfinite()
    if (this.#banned) finite.narrow(1, this.#banned.token, 1).copy_(this.#banned.logits.isfinite())
    return finite.all().item() === 1
  }
}
