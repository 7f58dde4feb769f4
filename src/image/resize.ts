/** Pillow's resampling for 8-bit RGB, bit-exact: two passes of 22-bit fixed-point weights. */

import type { RgbImage } from "./decode.js"

const PRECISION = 22

/** Catmull–Rom's a = −0.5, as Pillow's BICUBIC. */
function cubic(x: number): number {
  const a = -0.5
  const t = Math.abs(x)
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a
  return 0
}
const SUPPORT = 2

interface Coefficients {
  /** First input index of each output. */
  start: Int32Array
  /** Number of inputs of each output. */
  length: Int32Array
  /** [outputs, taps] */
  weights: Int32Array
  taps: number
}

function coefficients(input: number, output: number): Coefficients {
  const scale = input / output
  const filterScale = Math.max(scale, 1)
  const support = SUPPORT * filterScale
  const taps = Math.ceil(support) * 2 + 1
  const start = new Int32Array(output)
  const length = new Int32Array(output)
  const weights = new Int32Array(output * taps)
  const row = new Float64Array(taps)
  for (let o = 0; o < output; o++) {
    const center = (o + 0.5) * scale
    const low = Math.max(0, Math.trunc(center - support + 0.5))
    const high = Math.min(input, Math.trunc(center + support + 0.5))
    let sum = 0
    for (let x = low; x < high; x++) sum += row[x - low] = cubic((x - center + 0.5) * (1 / filterScale))
    start[o] = low
    length[o] = high - low
    for (let i = 0; i < high - low; i++) {
      const weight = (sum === 0 ? row[i] : row[i] / sum) * (1 << PRECISION)
      weights[o * taps + i] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    }
  }
  return { start, length, weights, taps }
}

const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value)

function horizontal(data: Uint8Array, width: number, height: number, output: number): Uint8Array {
  const { start, length, weights, taps } = coefficients(width, output)
  const out = new Uint8Array(output * height * 3)
  for (let o = 0; o < output; o++) {
    const from = start[o]
    const n = length[o]
    for (let y = 0; y < height; y++) {
      let r = 1 << (PRECISION - 1)
      let g = r
      let b = r
      let at = (y * width + from) * 3
      for (let i = 0; i < n; i++, at += 3) {
        const w = weights[o * taps + i]
        r = (r + data[at] * w) | 0
        g = (g + data[at + 1] * w) | 0
        b = (b + data[at + 2] * w) | 0
      }
      const to = (y * output + o) * 3
      out[to] = clamp(r >> PRECISION)
      out[to + 1] = clamp(g >> PRECISION)
      out[to + 2] = clamp(b >> PRECISION)
    }
  }
  return out
}

function vertical(data: Uint8Array, width: number, height: number, output: number): Uint8Array {
  const { start, length, weights, taps } = coefficients(height, output)
  const stride = width * 3
  const out = new Uint8Array(stride * output)
  const sums = new Int32Array(stride)
  for (let o = 0; o < output; o++) {
    sums.fill(1 << (PRECISION - 1))
    for (let i = 0; i < length[o]; i++) {
      const w = weights[o * taps + i]
      const row = (start[o] + i) * stride
      for (let x = 0; x < stride; x++) sums[x] = (sums[x] + data[row + x] * w) | 0
    }
    for (let x = 0; x < stride; x++) out[o * stride + x] = clamp(sums[x] >> PRECISION)
  }
  return out
}

/** Resizes to exactly width × height with Pillow's BICUBIC (antialiased when shrinking). */
export function resizeBicubic(image: RgbImage, width: number, height: number): RgbImage {
  let { data } = image
  if (width !== image.width) data = horizontal(data, image.width, image.height, width)
  if (height !== image.height) data = vertical(data, width, image.height, height)
  return { width, height, data }
}
