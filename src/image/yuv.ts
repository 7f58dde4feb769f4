/** From luma and colour differences to RGB, bit for bit as libyuv does it, which Pillow decodes AVIF with. */

import { overRows, type Work } from "../in-turns.js"
import type { RgbImage } from "./rgb.js"

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

/** Undefined for a matrix that is not known here. */
export const yuvConstants = (matrix: number, isFull: boolean): YuvConstants | undefined =>
  (isFull ? FULL : NARROW)[matrix]

export interface YuvLayout {
  constants: YuvConstants
  /** 1 where the colour planes have half the columns, or half the rows. */
  shiftX: number
  shiftY: number
}

/**
 * Turns luma and colour differences into RGB, in place.
 * @param image V, Y and U in the places of red, green and blue; smaller planes with every value repeated
 */
export function* yuvToRgb(
  { width, height, data }: RgbImage,
  { constants, shiftX, shiftY }: YuvLayout,
): Work<undefined> {
  const columns = (width + shiftX) >> shiftX
  const rows = (height + shiftY) >> shiftY
  // The planes as they were stored: what they are enlarged from must not be overwritten.
  const u = new Uint8Array(columns * rows)
  const v = new Uint8Array(columns * rows)
  yield* overRows(rows, columns * 2, (from, until) => {
    for (let row = from, to = from * columns; row < until; row++) {
      for (let column = 0; column < columns; column++, to++) {
        const at = ((row << shiftY) * width + (column << shiftX)) * 3
        v[to] = data[at]
        u[to] = data[at + 2]
      }
    }
  })
  const { blueOfU, greenOfU, greenOfV, redOfV, lumaFactor, lumaOffset } = constants
  const blueBias = lumaOffset - 128 * blueOfU
  const greenBias = lumaOffset + 128 * (greenOfU + greenOfV)
  const redBias = lumaOffset - 128 * redOfV
  yield* overRows(height, width * 12, (from, until) => {
    for (let y = from, at = from * width * 3; y < until; y++) {
      const near = (y >> shiftY) * columns
      const far = neighbour(y, shiftY, rows) * columns
      for (let x = 0; x < width; x++, at += 3) {
        const column = x >> shiftX
        // The last column is taken as it is.
        const next = x === width - 1 ? column : neighbour(x, shiftX, columns)
        const [nn, nf, fn, ff] = [near + column, near + next, far + column, far + next]
        const blueDifference = (9 * u[nn] + 3 * (u[nf] + u[fn]) + u[ff] + 8) >> 4
        const redDifference = (9 * v[nn] + 3 * (v[nf] + v[fn]) + v[ff] + 8) >> 4
        const luma = Math.floor((data[at + 1] * 0x0101 * lumaFactor) / 65536)
        data[at] = byte(luma + redOfV * redDifference + redBias)
        data[at + 1] = byte(luma - greenOfU * blueDifference - greenOfV * redDifference + greenBias)
        data[at + 2] = byte(luma + blueOfU * blueDifference + blueBias)
      }
    }
  })
  return undefined
}

/** The second nearest row (or column) of a plane of half the size; itself where the plane has the full size. */
function neighbour(at: number, shift: number, count: number): number {
  if (shift === 0) return at
  return Math.min(count - 1, Math.max(0, (at >> 1) + (at & 1 ? 1 : -1)))
}

function byte(sum: number): number {
  const value = sum >> 6
  return value < 0 ? 0 : Math.min(255, value)
}
