/** Colours of a TIFF that its decoder gives as they are stored: bit for bit as libtiff and Pillow turn them to RGB. */

import type { Sharp } from "sharp"
import { inTurns, overRows, type Work } from "../../in-turns.js"
import type { RgbImage } from "../rgb.js"
import { storedSamples } from "./stored-samples.js"
import type { YCbCr } from "./tiff.js"

const { fround } = Math
const FRACTION = 65536
const HALF = FRACTION / 2
/** The largest value that a table of libtiff's holds. */
const LARGEST = 128 * 32

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value))

/** From luma and colour differences to RGB, in place, by libtiff's tables. */
export function* ycbcrToRgb({ width, height, data }: RgbImage, { luma, reference }: YCbCr): Work<undefined> {
  const [red, green, blue] = luma.map(fround)
  const fixed = (value: number): number => Math.trunc(clamp(value, 0, 2) * FRACTION + 0.5)
  const redFactor = fround(2 - fround(2 * red))
  const blueFactor = fround(2 - fround(2 * blue))
  const redOfCr = fixed(redFactor)
  const greenOfCr = -fixed(fround(fround(red * redFactor) / green))
  const blueOfCb = fixed(blueFactor)
  const greenOfCb = -fixed(fround(fround(blue * blueFactor) / green))
  /** A code as a value, where `black` and `white` are the codes of 0 and `range`. */
  const table = (first: number, black: number, white: number, range: number): Int32Array =>
    Int32Array.from({ length: 256 }, (_, i) => {
      const span = fround(white - black) || 1
      const value = fround(fround((first + i - Math.trunc(black)) * range) / span)
      return Math.trunc(clamp(value, -LARGEST, LARGEST))
    })
  const [y0, y1, cb0, cb1, cr0, cr1] = reference.map(fround)
  const lumas = table(0, y0, y1, 255)
  const cbs = table(-128, cb0 - 128, cb1 - 128, 127)
  const crs = table(-128, cr0 - 128, cr1 - 128, 127)
  yield* overRows(height, width * 8, (from, until) => {
    for (let at = from * width * 3; at < until * width * 3; at += 3) {
      const [value, cb, cr] = [lumas[data[at]], cbs[data[at + 1]], crs[data[at + 2]]]
      data[at] = clamp(value + ((redOfCr * cr + HALF) >> 16), 0, 255)
      data[at + 1] = clamp(value + ((greenOfCb * cb + HALF + greenOfCr * cr) >> 16), 0, 255)
      data[at + 2] = clamp(value + ((blueOfCb * cb + HALF) >> 16), 0, 255)
    }
  })
  return undefined
}

/** Decodes colours that are multiplied by the fourth sample. Of 16 bits Pillow takes the upper 8. */
export async function decodeAssociated(image: Sharp, sixteenBits: boolean): Promise<RgbImage> {
  const { width, height, channels, samples } = await storedSamples(image, sixteenBits ? "rgb16" : "srgb", sixteenBits)
  const rgb = new Uint8Array(width * height * 3)
  const spare = sixteenBits ? 8 : 0
  const sample = (pixel: number, channel: number): number => samples[pixel * channels + channel] >> spare
  const work = overRows(height, width * 12, (from, until) => {
    for (let pixel = from * width, at = 3 * pixel; pixel < until * width; pixel++) {
      const alpha = sample(pixel, 3)
      for (let channel = 0; channel < 3; channel++, at++) {
        const value = sample(pixel, channel)
        rgb[at] = alpha === 0 ? 0 : Math.min(255, Math.floor((value * 255) / alpha))
      }
    }
  })
  await inTurns(work)
  return { width, height, data: rgb }
}
