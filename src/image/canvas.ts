/** Putting pictures onto larger canvases. */

import { UserError } from "../errors.js"
import { overRows, type Work } from "../in-turns.js"
import { MAXIMUM_BYTES, mebibytes } from "./memory.js"
import type { RgbImage } from "./rgb.js"

/**
 * Centred on a square canvas of one colour, in pieces; the upper or left margin is the smaller one.
 * @param color red, green and blue as bytes
 * @throws UserError for a canvas of more memory than a picture may take
 */
export function* squared(image: RgbImage, color: readonly number[], fix = "make it smaller"): Work<RgbImage> {
  const { width, height, data } = image
  if (width === height) return image
  const side = Math.max(width, height)
  const bytes = 3 * (side * side + width * height)
  if (bytes > MAXIMUM_BYTES)
    throw new UserError(
      `on a square canvas the image (${width} × ${height}) takes ${mebibytes(bytes)}, more than the ${mebibytes(MAXIMUM_BYTES)} allowed`,
      { fix },
    )
  const out = new Uint8Array(side * side * 3)
  const left = (side - width) >> 1
  const top = (side - height) >> 1
  const blank = new Uint8Array(side * 3)
  for (let i = 0; i < blank.length; i++) blank[i] = color[i % 3]
  yield* overRows(side, side * 3, (from, until) => {
    for (let y = from; y < until; y++) {
      out.set(blank, y * side * 3)
      const row = y - top
      if (row >= 0 && row < height)
        out.set(data.subarray(row * width * 3, (row + 1) * width * 3), (y * side + left) * 3)
    }
  })
  return { width: side, height: side, data: out }
}
