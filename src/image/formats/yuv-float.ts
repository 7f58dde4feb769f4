/** From luma and colour differences to RGB as libavif itself does it, in 32-bit numbers, where libyuv has no way. */

import { overRows, type Work } from "../../in-turns.js"
import type { RgbImage } from "../rgb.js"
import type { AvifColour } from "./avif.js"
import { neighbour, type Planes } from "./yuv.js"

const IDENTITY = 0
const YCGCO = 8
/** Parts of red and blue in the luma, by the number of the matrix in CICP: FCC 73.682 and SMPTE 240. */
const PARTS: Record<number, [number, number]> = { 4: [0.3, 0.11], 7: [0.212, 0.087] }

const { fround } = Math

/** Whether there are formulas for these colours. */
export function isFloatMatrix({ isGrey, matrix, isFull, shiftX, shiftY }: AvifColour): boolean {
  if (matrix === YCGCO && !isFull) return false
  if (isGrey) return matrix <= 9 || matrix === 12
  // Planes of red, green and blue have one size.
  if (matrix === IDENTITY) return shiftX + shiftY === 0
  return matrix === YCGCO || matrix in PARTS
}

/** Turns the planes into RGB. */
export function* floatToRgb(planes: Planes, colour: AvifColour): Work<RgbImage> {
  const { width, height, samples, channels, spare } = planes
  const { shiftX, shiftY, isGrey, matrix } = colour
  const [lumas, differences] = tables(colour)
  const [columns, rows] = [(width + shiftX) >> shiftX, (height + shiftY) >> shiftY]
  const data = new Uint8Array(width * height * 3)
  const toColour = coloursOf(matrix)
  yield* overRows(height, width * 40, (from, until) => {
    for (let y = from, at = from * width, to = 3 * at; y < until; y++) {
      for (let x = 0; x < width; x++, at++, to += 3) {
        const luma = lumas[samples[at * channels + 1] >> spare]
        if (isGrey) {
          data.fill(byte(luma), to, to + 3)
          continue
        }
        const [column, row] = [x >> shiftX, y >> shiftY]
        const [nextColumn, nextRow] = [neighbour(x, shiftX, columns), neighbour(y, shiftY, rows)]
        const difference = (channel: number): number => {
          const one = (c: number, r: number): number =>
            differences[samples[((r << shiftY) * width + (c << shiftX)) * channels + channel] >> spare]
          if (shiftX + shiftY === 0) return one(column, row)
          const near = fround(fround(one(column, row) * 0.5625) + fround(one(nextColumn, row) * 0.1875))
          const far = fround(near + fround(one(column, nextRow) * 0.1875))
          return fround(far + fround(one(nextColumn, nextRow) * 0.0625))
        }
        const [red, green, blue] = toColour(luma, difference(2), difference(0))
        data[to] = byte(red)
        data[to + 1] = byte(green)
        data[to + 2] = byte(blue)
      }
    }
  })
  return { width, height, data }
}

/** Luma as 0 … 1 and differences around 0, by their stored values. */
function tables({ depth, isFull, matrix }: AvifColour): [Float32Array, Float32Array] {
  const scale = 1 << (depth - 8)
  const largest = 256 * scale - 1
  const table = (bias: number, range: number): Float32Array =>
    Float32Array.from({ length: largest + 1 }, (_, value) => (value - bias) / range)
  const lumas = isFull ? table(0, largest) : table(16 * scale, 219 * scale)
  if (matrix === IDENTITY) return [lumas, lumas]
  return [lumas, table(128 * scale, isFull ? largest : 224 * scale)]
}

function coloursOf(matrix: number): (luma: number, blue: number, red: number) => [number, number, number] {
  if (matrix === IDENTITY) return (luma, blue, red) => [red, luma, blue]
  if (matrix === YCGCO) {
    return (luma, green, orange) => {
      const rest = fround(luma - green)
      return [fround(rest + orange), fround(luma + green), fround(rest - orange)]
    }
  }
  const [ofRed, ofBlue] = (PARTS[matrix] ?? [0, 0]).map(fround)
  const ofGreen = fround(fround(1 - ofRed) - ofBlue)
  const [redFactor, blueFactor] = [fround(2 * fround(1 - ofRed)), fround(2 * fround(1 - ofBlue))]
  const greenOfRed = fround(ofRed * fround(1 - ofRed))
  const greenOfBlue = fround(ofBlue * fround(1 - ofBlue))
  return (luma, blue, red) => {
    const sum = fround(fround(greenOfRed * red) + fround(greenOfBlue * blue))
    const green = fround(luma - fround(fround(2 * sum) / ofGreen))
    return [fround(luma + fround(redFactor * red)), green, fround(luma + fround(blueFactor * blue))]
  }
}

const byte = (value: number): number => fround(0.5 + fround(Math.min(1, Math.max(0, value)) * 255))
