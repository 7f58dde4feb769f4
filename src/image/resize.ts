/** Pillow's resampling for 8-bit RGB, bit-exact: two passes of 22-bit fixed-point weights. Knows no model. */

import { finish, overRows, type Work } from "../in-turns.js"
import type { RgbImage } from "./rgb.js"

/** A Pillow filter: `weight` is zero beyond `support`. */
interface Kernel {
  support: number
  weight(x: number): number
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI))

const KERNELS = {
  /** Half open, so that a pixel on an edge counts once. */
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  hamming: {
    support: 1,
    weight(x) {
      const t = Math.abs(x)
      if (t >= 1) return 0
      return t === 0 ? 1 : (Math.sin(t * Math.PI) / (t * Math.PI)) * (0.54 + 0.46 * Math.cos(t * Math.PI))
    },
  },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  /** Catmull–Rom's a = −0.5, in Pillow's order of operations. */
  bicubic: {
    support: 2,
    weight(x) {
      const a = -0.5
      const t = Math.abs(x)
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1
      if (t < 2) return (((t - 5) * t + 8) * t - 4) * a
      return 0
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Record<string, Kernel>

export type ResizeKernel = keyof typeof KERNELS

/** Weights are integers of this many fractional bits, as in Pillow; sums start at one half and are shifted down. */
const PRECISION = 22
const HALF = 1 << (PRECISION - 1)

interface Coefficients {
  /** First input index of each output. */
  start: Int32Array
  /** Number of inputs of each output. */
  length: Int32Array
  /** [outputs, taps] */
  weights: Int32Array
  taps: number
}

/** A data set has few sizes: the latest coefficients are kept, oldest out first. */
const cache = new Map<string, Coefficients>()
const CACHE_ENTRIES = 64

function coefficients(input: number, output: number, kernel: ResizeKernel): Coefficients {
  const key = `${kernel} ${input} ${output}`
  const known = cache.get(key)
  if (known) return known
  const made = makeCoefficients(input, output, KERNELS[kernel])
  if (cache.size >= CACHE_ENTRIES) cache.delete(cache.keys().next().value as string)
  cache.set(key, made)
  return made
}

function makeCoefficients(input: number, output: number, kernel: Kernel): Coefficients {
  const scale = input / output
  const filterScale = Math.max(scale, 1)
  const support = kernel.support * filterScale
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
    for (let x = low; x < high; x++) sum += row[x - low] = kernel.weight((x - center + 0.5) * (1 / filterScale))
    start[o] = low
    length[o] = high - low
    for (let i = 0; i < high - low; i++) {
      const weight = (sum === 0 ? row[i] : row[i] / sum) * (1 << PRECISION)
      weights[o * taps + i] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    }
  }
  return { start, length, weights, taps }
}

/** A fixed-point sum as a byte, cut off at both ends as Pillow does; every step is 32-bit integer arithmetic. */
function byte(sum: number): number {
  const value = sum >> PRECISION
  return value < 0 ? 0 : Math.min(value, 255)
}

/** [height, width, 3] → [height, output, 3] */
function* horizontal(
  data: Uint8Array,
  width: number,
  height: number,
  output: number,
  kernel: ResizeKernel,
): Work<Uint8Array> {
  const { start, length, weights, taps } = coefficients(width, output, kernel)
  const out = new Uint8Array(output * height * 3)
  yield* overRows(height, output * taps * 3, (from, until) => {
    let to = from * output * 3
    for (let y = from; y < until; y++) {
      const row = y * width * 3
      for (let o = 0; o < output; o++, to += 3) {
        const first = o * taps
        const end = first + length[o]
        let r = HALF
        let g = HALF
        let b = HALF
        for (let i = first, at = row + start[o] * 3; i < end; i++, at += 3) {
          const w = weights[i]
          r = (r + Math.imul(data[at], w)) | 0
          g = (g + Math.imul(data[at + 1], w)) | 0
          b = (b + Math.imul(data[at + 2], w)) | 0
        }
        out[to] = byte(r)
        out[to + 1] = byte(g)
        out[to + 2] = byte(b)
      }
    }
  })
  return out
}

/** [height, width, 3] → [output, width, 3] */
function* vertical(
  data: Uint8Array,
  width: number,
  height: number,
  output: number,
  kernel: ResizeKernel,
): Work<Uint8Array> {
  const { start, length, weights, taps } = coefficients(height, output, kernel)
  const stride = width * 3
  const out = new Uint8Array(stride * output)
  const sums = new Int32Array(stride)
  yield* overRows(output, stride * taps, (from, until) => {
    for (let o = from; o < until; o++) {
      sums.fill(HALF)
      const end = o * taps + length[o]
      let i = o * taps
      let row = start[o] * stride
      // Four rows at a time: the sums are loaded and stored less often.
      for (; i + 4 <= end; i += 4, row += 4 * stride) {
        const [a, b, c, d] = weights.subarray(i, i + 4)
        for (let x = 0, p = row; x < stride; x++, p++) {
          const first = Math.imul(data[p], a) + Math.imul(data[p + stride], b)
          const second = Math.imul(data[p + 2 * stride], c) + Math.imul(data[p + 3 * stride], d)
          sums[x] = (sums[x] + first + second) | 0
        }
      }
      for (; i < end; i++, row += stride) {
        const w = weights[i]
        for (let x = 0; x < stride; x++) sums[x] += Math.imul(data[row + x], w)
      }
      for (let x = 0, to = o * stride; x < stride; x++, to++) out[to] = byte(sums[x])
    }
  })
  return out
}

/**
 * Releases of Pillow by the order of the two passes, which rounds differently: up to 12 the horizontal pass comes first
 * but for pictures more than 100 times as tall as wide, since 13 the vertical one wherever it takes away much more.
 */
export type PillowRelease = 12 | 13

/** Transformers is used with the current one. */
export const CURRENT_PILLOW: PillowRelease = 13

/** Whether rows are joined before columns are. */
function isVerticalFirst(from: RgbImage, width: number, height: number, pillow: PillowRelease): boolean {
  if (height >= from.height) return false
  if (pillow === 12) return from.height > 100 * from.width
  return from.height - height > 2 * (from.width - width)
}

/**
 * Resizes to exactly width × height as Pillow's `resize` does: antialiased when shrinking. A side that keeps its length is
 * copied.
 */
export const resize = (
  image: RgbImage,
  width: number,
  height: number,
  kernel?: ResizeKernel,
  pillow?: PillowRelease,
): RgbImage => finish(resizing(image, width, height, kernel, pillow))

/** `resize` in pieces. */
export function* resizing(
  image: RgbImage,
  width: number,
  height: number,
  kernel: ResizeKernel = "bicubic",
  pillow: PillowRelease = 12,
): Work<RgbImage> {
  let { data } = image
  const verticalFirst = isVerticalFirst(image, width, height, pillow)
  if (verticalFirst) data = yield* vertical(data, image.width, image.height, height, kernel)
  const rows = verticalFirst ? height : image.height
  if (width !== image.width) data = yield* horizontal(data, image.width, rows, width, kernel)
  if (height !== rows) data = yield* vertical(data, width, rows, height, kernel)
  return { width, height, data: data === image.data ? new Uint8Array(data) : data }
}
