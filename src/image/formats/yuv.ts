/** From luma and colour differences to RGB, bit for bit as libyuv does it, which Pillow decodes AVIF with. */

import { overRows, type Work } from "../../in-turns.js"
import type { RgbImage } from "../rgb.js"
import type { StoredSamples } from "./stored-samples.js"

/** libyuv's fixed-point constants, of 6 fractional bits but for the factor of the luma. */
interface YuvConstants {
  blueOfU: number
  greenOfU: number
  greenOfV: number
  redOfV: number
  lumaFactor: number
  lumaOffset: number
}

const constants = (
  blueOfU: number,
  greenOfU: number,
  greenOfV: number,
  redOfV: number,
  lumaFactor: number,
  lumaOffset: number,
): YuvConstants => ({ blueOfU, greenOfU, greenOfV, redOfV, lumaFactor, lumaOffset })

// By the number of the matrix in CICP: 1 is BT.709; 5 and 6 are BT.601, which 2, unspecified, is taken for; 9 is BT.2020.
const NARROW_601 = constants(128, 25, 52, 102, 18997, -1160)
const FULL_601 = constants(113, 22, 46, 90, 16320, 32)
const NARROW: Record<number, YuvConstants> = {
  1: constants(128, 14, 34, 115, 18997, -1160),
  2: NARROW_601,
  5: NARROW_601,
  6: NARROW_601,
  9: constants(128, 12, 42, 107, 19003, -1160),
}
const FULL: Record<number, YuvConstants> = {
  1: constants(119, 12, 30, 101, 16320, 32),
  2: FULL_601,
  5: FULL_601,
  6: FULL_601,
  9: constants(120, 11, 37, 94, 16320, 32),
}
/** The matrix that is to be derived from the primaries, and the matrices that come of them. */
const DERIVED = 12
const OF_PRIMARIES: Record<number, number> = { 1: 1, 2: 1, 5: 5, 6: 6, 9: 9 }

/** Undefined for a matrix that libyuv does not know. */
export function yuvConstants(matrix: number, primaries: number, isFull: boolean): YuvConstants | undefined {
  return (isFull ? FULL : NARROW)[matrix === DERIVED ? OF_PRIMARIES[primaries] : matrix]
}

/** Decoded planes: V, Y and U, and maybe transparency; smaller planes with every value repeated. */
export interface Planes extends StoredSamples {
  /** Bits that a sample has to be shifted to the right by. */
  spare: number
}

export interface YuvLayout {
  constants: YuvConstants
  /** Bits of a value after the shift. */
  depth: 8 | 10 | 12
  /** Only luma: the colour differences count as none. */
  isGrey: boolean
  /** 1 where the colour planes have half the columns, or half the rows. */
  shiftX: number
  shiftY: number
  /** Smaller planes are enlarged by repeating, not by interpolating. */
  isNearest: boolean
}

/** Turns luma and colour differences into RGB. */
export function* yuvToRgb(planes: Planes, layout: YuvLayout): Work<RgbImage> {
  const { width, height, samples, channels, spare } = planes
  const { depth, isGrey, shiftX, shiftY, isNearest } = layout
  const columns = (width + shiftX) >> shiftX
  const rows = (height + shiftY) >> shiftY
  const lower = depth - 8
  const Plane = lower > 0 ? Uint16Array : Uint8Array
  const [u, v] = [new Plane(columns * rows), new Plane(columns * rows)]
  yield* overRows(rows, columns * 2, (from, until) => {
    for (let row = from, to = from * columns; row < until; row++) {
      for (let column = 0; column < columns; column++, to++) {
        const at = ((row << shiftY) * width + (column << shiftX)) * channels
        v[to] = isGrey ? 128 << lower : samples[at] >> spare
        u[to] = isGrey ? 128 << lower : samples[at + 2] >> spare
      }
    }
  })
  const data = new Uint8Array(width * height * 3)
  const { blueOfU, greenOfU, greenOfV, redOfV, lumaFactor, lumaOffset } = layout.constants
  const blueBias = lumaOffset - 128 * blueOfU
  const greenBias = lumaOffset + 128 * (greenOfU + greenOfV)
  const redBias = lumaOffset - 128 * redOfV
  yield* overRows(height, width * 12, (from, until) => {
    for (let y = from, at = from * width * channels + 1, to = from * width * 3; y < until; y++) {
      const near = (y >> shiftY) * columns
      const far = isNearest ? near : neighbour(y, shiftY, rows) * columns
      for (let x = 0; x < width; x++, at += channels, to += 3) {
        const column = x >> shiftX
        // The last column is taken as it is.
        const next = isNearest || x === width - 1 ? column : neighbour(x, shiftX, columns)
        const [nn, nf, fn, ff] = [near + column, near + next, far + column, far + next]
        const blueDifference = ((9 * u[nn] + 3 * (u[nf] + u[fn]) + u[ff] + 8) >> 4) >> lower
        const redDifference = ((9 * v[nn] + 3 * (v[nf] + v[fn]) + v[ff] + 8) >> 4) >> lower
        const value = samples[at] >> spare
        // In 16 bits: the upper bits again in the lower places.
        const wide = (value << (8 - lower)) | (value >> (2 * lower))
        const luma = Math.floor((wide * lumaFactor) / 65536)
        data[to] = byte(luma + redOfV * redDifference + redBias)
        data[to + 1] = byte(luma - greenOfU * blueDifference - greenOfV * redDifference + greenBias)
        data[to + 2] = byte(luma + blueOfU * blueDifference + blueBias)
      }
    }
  })
  return { width, height, data }
}

/** The second nearest row (or column) of a plane of half the size; itself where the plane has the full size. */
export function neighbour(at: number, shift: number, count: number): number {
  if (shift === 0) return at
  return Math.min(count - 1, Math.max(0, (at >> 1) + (at & 1 ? 1 : -1)))
}

function byte(sum: number): number {
  const value = sum >> 6
  return value < 0 ? 0 : Math.min(255, value)
}
