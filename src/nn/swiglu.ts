/** The gated feed-forward part of a transformer layer. */

import type { Tensor } from "../torch/index.js"
import type { Linear } from "./linear.js"

/** down(silu(gate(x)) · up(x)) */
export class SwiGlu {
  constructor(
    readonly gate: Linear,
    readonly up: Linear,
    readonly down: Linear,
  ) {}

  forward(x: Tensor): Tensor {
    return this.down.forward(this.gate.forward(x).silu().mul(this.up.forward(x)))
  }
}
