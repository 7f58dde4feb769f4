/** Rotary position embedding: tables from positions, and their application. Knows no model. */

import { cat, type Device, type DType, operator, type Tensor, tensor, tidy, untidied } from "../torch/index.js"
import { attentionFactor, dynamicRatio, type RopeScaling, scaledFrequencies } from "./rope-scaling.js"

/** cos and sin of every row and channel, [B, 1, R, d]; the first half of sin is negated, ready for `rotate`. */
export interface RopeTables {
  cos: Tensor
  sin: Tensor
}

const pow = operator("aten::pow.Scalar")
const powTensor = operator("aten::pow.Tensor_Tensor")
const roll = operator("aten::roll")
const addcmul = operator("aten::addcmul")

const frequencies = new Map<string, Tensor>()

const exponents = (channels: number): Tensor =>
  tensor(Float32Array.from({ length: channels / 2 }, (_, j) => (2 * j) / channels))

/** theta^(−2j / channels) for j = 0 … channels/2 − 1, in float32 as the published models compute it, scaled or not. */
export function inverseFrequencies(
  channels: number,
  theta: number,
  device: Device,
  scaling?: RopeScaling,
  rounding: DType = "float32",
): Tensor {
  const key = `${channels} ${theta} ${device} ${rounding} ${scaling ? JSON.stringify(scaling) : ""}`
  let found = frequencies.get(key)
  if (!found) {
    const periods = tidy(() => pow.call(theta, exponents(channels)).toFloat32())
    const scaled = scaledFrequencies(periods, theta, scaling)
    found = untidied(() => tidy(() => tensor(scaled).to(rounding).to({ device, dtype: "float32" })))
    frequencies.set(key, found)
  }
  return found
}

/** Dynamic scaling's frequencies for a sequence beyond the model's positions, by its length alone. */
function dynamicFrequencies(channels: number, theta: number, ratio: number, device: Device): Tensor {
  const base = tensor(Float32Array.of(ratio))
    .pow(channels / (channels - 2))
    .mul(theta)
  return powTensor.call(base, exponents(channels)).pow(-1).to({ device })
}

export interface RopeOptions {
  /** d, the width of a head. */
  headDim: number
  theta: number
  scaling?: RopeScaling
  /** Type that frequencies are rounded to before they are used; none if absent. */
  rounding?: DType
  /** Tokens of the whole sequence, for `dynamic` scaling. @default what the last position says */
  length?: number
  /** Channels (of d/2) that turn by time, by height and by width, for positions on three axes. */
  sections?: readonly number[]
  /** The three take turns, as far as height and width reach, and time has the rest (Qwen3-VL); else one lies behind the other. */
  interleaved?: boolean
}

/**
 * Tables for text tokens.
 * @param positions int64 [B, L]; or [3, B, L] for M-RoPE (time, height, width), with `sections`
 * @param options.dtype of the activations; angles are always float32
 */
export function ropeTables(positions: Tensor, options: RopeOptions & { dtype: DType }): RopeTables {
  const { headDim, sections, interleaved, scaling, dtype } = options
  const frequency = frequenciesFor(positions, options)
  const factor = attentionFactor(scaling)
  const tables = (rows: Tensor): RopeTables => tablesOfAngles(rows.mul(frequency).unsqueeze(1), dtype, factor)
  if (positions.rank === 2) return tables(positions.to("float32").unsqueeze(2))
  if (!sections || sections.reduce((a, b) => a + b, 0) !== headDim / 2) {
    throw new RangeError(
      `positions of ${positions.shape[0]} axes need rope sections that sum to ${headDim / 2}, not ${sections}`,
    )
  }
  const axes = tensor(axisOfChannels(sections, interleaved)).to({ device: positions.device })
  return tables(positions.to("float32").indexSelect(0, axes).permute(1, 2, 0))
}

/** Which axis turns each channel. */
function axisOfChannels(sections: readonly number[], interleaved = false): Int32Array {
  if (!interleaved) return Int32Array.from(sections.flatMap((channels, axis) => Array<number>(channels).fill(axis)))
  const channels = sections.reduce((a, b) => a + b, 0)
  return Int32Array.from({ length: channels }, (_, i) => (i < 3 * sections[i % 3] ? i % 3 : 0))
}

/** Of all scalings, the dynamic one alone looks at the sequence: at its length, however many of its tokens are in the call. */
function frequenciesFor(positions: Tensor, { headDim, theta, scaling, rounding, length: whole }: RopeOptions): Tensor {
  if (scaling?.type === "dynamic") {
    const length = whole ?? positions.max().item() + 1
    if (length > scaling.maxPositions)
      return dynamicFrequencies(headDim, theta, dynamicRatio(scaling, length), positions.device)
  }
  return inverseFrequencies(headDim, theta, positions.device, scaling, rounding)
}

/** Tables from angles [..., d/2] in radians; cos and sin are multiplied by `factor`. */
export function tablesOfAngles(angles: Tensor, dtype: DType, factor = 1): RopeTables {
  const scaled = (x: Tensor): Tensor => (factor === 1 ? x : x.mul(factor))
  const [cos, sin] = [scaled(angles.cos()), scaled(angles.sin())]
  return { cos: cat([cos, cos], angles.rank - 1).to(dtype), sin: cat([sin.neg(), sin], angles.rank - 1).to(dtype) }
}

/** Turns each pair (j, j + d/2) of x [..., d] by its angle; the tables broadcast against x. */
export function rotate(x: Tensor, { cos, sin }: RopeTables): Tensor {
  const last = x.rank - 1
  // Swapping halves with the sign in the table is x·cos + rotate_half(x)·sin in two operators less.
  return addcmul.call(x.mul(cos), roll.call(x, [x.shape[last] / 2], [last]), sin)
}
