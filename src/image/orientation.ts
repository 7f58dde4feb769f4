/** Turns a picture as an EXIF orientation says. */

import { overRows, type Work } from "../in-turns.js"
import type { RgbImage } from "./rgb.js"

/** Where the pixel at (x, y) of the upright picture of width × height comes from, by orientation 2 … 8. */
const SOURCE: Record<number, { swap: boolean; flipX: boolean; flipY: boolean }> = {
  2: { swap: false, flipX: true, flipY: false },
  3: { swap: false, flipX: true, flipY: true },
  4: { swap: false, flipX: false, flipY: true },
  5: { swap: true, flipX: false, flipY: false },
  6: { swap: true, flipX: false, flipY: true },
  7: { swap: true, flipX: true, flipY: true },
  8: { swap: true, flipX: true, flipY: false },
}

/** Whether a picture of this orientation has to be turned. */
export const isTurned = (orientation: number): boolean => orientation in SOURCE

/** The picture upright; 1 and anything that is no orientation leave it as it is, as in Pillow. */
export function* turned(image: RgbImage, orientation: number): Work<RgbImage> {
  const rule = SOURCE[orientation]
  if (!rule) return image
  const { swap, flipX, flipY } = rule
  const [width, height] = swap ? [image.height, image.width] : [image.width, image.height]
  const data = new Uint8Array(width * height * 3)
  const from = image.data
  yield* overRows(height, width * 3, (first, end) => {
    for (let y = first, to = first * width * 3; y < end; y++) {
      for (let x = 0; x < width; x++, to += 3) {
        const across = swap ? y : x
        const down = swap ? x : y
        const sourceX = flipX ? image.width - 1 - across : across
        const sourceY = flipY ? image.height - 1 - down : down
        const at = (sourceY * image.width + sourceX) * 3
        data[to] = from[at]
        data[to + 1] = from[at + 1]
        data[to + 2] = from[at + 2]
      }
    }
  })
  return { width, height, data }
}
