/**
 * LoRA (Hu et al. 2021): what is learned beside a frozen linear layer, scale · dropout(x) Aᵀ Bᵀ. A weight on disk may be part of a layer or hold
 * several of them, so that layers and adapters need not be one to one.
 */

import { cat, linear, type Tensor, zeros } from "../torch/index.js"
import { dropout } from "./dropout.js"

export class LowRank {
  /**
   * @param down A [r, K]
   * @param up B [N, r]
   * @param scale alpha / r, or alpha / √r (rsLoRA)
   * @param dropout probability, in training
   */
  constructor(
    readonly down: Tensor,
    readonly up: Tensor,
    readonly scale: number,
    readonly dropout = 0,
  ) {}

  /** x [..., K] → [..., rows of B], in the type of A. */
  forward(x: Tensor, rows?: RowRange): Tensor {
    const input = dropout(x.to(this.down.dtype), this.dropout, rows && { of: this, index: rows.start })
    return linear(linear(input, this.down).mul(this.scale), this.#rows(rows))
  }

  /** scale · B A [rows, K], what the weight would have more. */
  delta(rows?: RowRange): Tensor {
    return this.#rows(rows).matmul(this.down).mul(this.scale)
  }

  #rows(rows?: RowRange): Tensor {
    return rows ? this.up.narrow(0, rows.start, rows.length) : this.up
  }
}

export interface RowRange {
  start: number
  length: number
}

/** What an adapter adds to a layer. */
export interface LowRankPart {
  adapter: LowRank
  /** Of B, where the adapter is that of several layers. @default all */
  rows?: RowRange
  /** Output of the layer that the first of them is added to, where it is that of a part of the layer. @default 0 */
  firstOutput?: number
}

/** y [..., N] of a layer with what its adapters add to it, in y's type. */
export function addLowRank(y: Tensor, x: Tensor, parts: readonly LowRankPart[]): Tensor {
  const width = y.shape[y.rank - 1]
  return parts.reduce((sum, { adapter, rows, firstOutput = 0 }) => {
    const added = widened(adapter.forward(x, rows), y.rank - 1, firstOutput, width)
    return sum.add(added).to(y.dtype)
  }, y)
}

/** scale · B A of all adapters of a layer, [N, K]; undefined where it has none. */
export function lowRankDelta(parts: readonly LowRankPart[], outputs: number): Tensor | undefined {
  const deltas = parts.map(({ adapter, rows, firstOutput = 0 }) =>
    widened(adapter.delta(rows), 0, firstOutput, outputs),
  )
  return deltas.length === 0 ? undefined : deltas.reduce((sum, delta) => sum.add(delta))
}

/** Zeros before and behind, along an axis. */
function widened(part: Tensor, axis: number, start: number, width: number): Tensor {
  const length = part.shape[axis]
  if (length === width) return part
  const gap = (size: number): Tensor[] =>
    size === 0
      ? []
      : [
          zeros(
            part.shape.map((n, i) => (i === axis ? size : n)),
            { dtype: part.dtype, device: part.device },
          ),
        ]
  return cat([...gap(start), part, ...gap(width - start - length)], axis)
}
