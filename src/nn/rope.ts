/** Rotary position embedding: tables from positions, and their application. Knows no model. */

import { cat, type Device, type DType, operator, type Tensor, tensor, untidied } from "../torch/index.js"

/** cos and sin of every row and channel, [B, 1, R, d]; the first half of sin is negated, ready for `rotate`. */
export interface RopeTables {
  cos: Tensor
  sin: Tensor
}

const pow = operator("aten::pow.Scalar")
const roll = operator("aten::roll")
const addcmul = operator("aten::addcmul")

const frequencies = new Map<string, Tensor>()

/** theta^(−2j / channels) for j = 0 … channels/2 − 1, in float32 as the published models compute it. */
export function inverseFrequencies(channels: number, theta: number, device: Device): Tensor {
  const key = `${channels} ${theta} ${device}`
  let found = frequencies.get(key)
  if (!found) {
    const exponents = Float32Array.from({ length: channels / 2 }, (_, j) => (2 * j) / channels)
    found = untidied(() => pow.call(theta, tensor(exponents)).pow(-1).to({ device }))
    frequencies.set(key, found)
  }
  return found
}

/**
 * Tables for text rows.
 * @param positions int64 [B, R]; or [3, B, R] for M-RoPE (time, height, width), with `sections`
 * @param options.sections channels (of d/2) that turn by time, by height and by width
 * @param options.dtype of the activations; angles are always float32
 */
export function ropeTables(
  positions: Tensor,
  { headDim, theta, sections, dtype }: { headDim: number; theta: number; sections?: readonly number[]; dtype: DType },
): RopeTables {
  const frequency = inverseFrequencies(headDim, theta, positions.device)
  const angle = (rows: Tensor, from: number, channels: number): Tensor =>
    rows
      .to("float32")
      .unsqueeze(2)
      .mul(frequency.narrow(0, from, channels))
  if (positions.rank === 2) return tablesOfAngles(angle(positions, 0, headDim / 2).unsqueeze(1), dtype)
  if (!sections || sections.reduce((a, b) => a + b, 0) !== headDim / 2) {
    throw new RangeError(
      `positions of ${positions.shape[0]} axes need rope sections that sum to ${headDim / 2}, not ${sections}`,
    )
  }
  let from = 0
  const parts = sections.map((channels, axis) => {
    from += channels
    return angle(positions.select(0, axis), from - channels, channels)
  })
  return tablesOfAngles(cat(parts, 2).unsqueeze(1), dtype)
}

/** Tables from angles [..., d/2] in radians. */
export function tablesOfAngles(angles: Tensor, dtype: DType): RopeTables {
  const [cos, sin] = [angles.cos(), angles.sin()]
  return { cos: cat([cos, cos], angles.rank - 1).to(dtype), sin: cat([sin.neg(), sin], angles.rank - 1).to(dtype) }
}

/** Turns each pair (j, j + d/2) of x [..., d] by its angle; the tables broadcast against x. */
export function rotate(x: Tensor, { cos, sin }: RopeTables): Tensor {
  const last = x.rank - 1
  // Swapping halves with the sign in the table is x·cos + rotate_half(x)·sin in two operators less.
  return addcmul.call(x.mul(cos), roll.call(x, [x.shape[last] / 2], [last]), sin)
}
