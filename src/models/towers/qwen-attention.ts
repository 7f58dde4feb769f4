/** Attention of Qwen's vision towers: queries, keys and values in one matrix, turned by the rows and columns of patches. */

import { attention } from "../../nn/attention.js"
import type { AttentionPattern } from "../../nn/attention-pattern.js"
import type { Linear } from "../../nn/linear.js"
import { inverseFrequencies, type RopeTables, rotate, tablesOfAngles } from "../../nn/rope.js"
import { cat, type Device, type DType, type Tensor, tensor } from "../../torch/index.js"
import { takeLinear, type WeightSource } from "../weight-source.js"

const ROPE_THETA = 10_000

export class QwenAttention {
  readonly #heads: number
  readonly #qkv: Linear
  readonly #output: Linear

  constructor({ hiddenSize, heads }: { hiddenSize: number; heads: number }, weights: WeightSource) {
    this.#heads = heads
    this.#qkv = takeLinear(weights, "qkv", [3 * hiddenSize, hiddenSize], true)
    this.#output = takeLinear(weights, "proj", [hiddenSize, hiddenSize], true)
  }

  /** x [patches, hidden] */
  forward(x: Tensor, tables: RopeTables, patterns: readonly AttentionPattern[]): Tensor {
    const [patches, hidden] = x.shape
    const qkv = this.#qkv.forward(x).view(patches, 3, this.#heads, -1)
    // The published towers turn queries and keys in float32 whatever they compute in.
    const turned = rotate(qkv.narrow(1, 0, 2).permute(1, 2, 0, 3).to("float32"), tables).to(x.dtype)
    const [q, k] = turned.split(1)
    const v = qkv.narrow(1, 2, 1).permute(1, 2, 0, 3)
    const attended = attention(q, k, v, patterns).squeeze(0).transpose(0, 1).reshape(patches, hidden)
    return this.#output.forward(attended)
  }
}

/**
 * Rotary tables of patches: half of the channels turn by the row, half by the column.
 * @param rows and columns of each patch
 * @param rounding type that frequencies are rounded to before they are used
 */
export function patchTables(
  rows: Float32Array,
  columns: Float32Array,
  headDim: number,
  device: Device,
  rounding?: DType,
): RopeTables {
  const frequencies = inverseFrequencies(headDim / 2, ROPE_THETA, device, undefined, rounding)
  const angles = [rows, columns].map((axis) => tensor(axis).to({ device }).unsqueeze(1).mul(frequencies))
  return tablesOfAngles(cat(angles, 1), "float32")
}
