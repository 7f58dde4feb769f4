/** Tiles: equal squares of pictures, normalised, as towers with a fixed resolution take them. Knows no model. */

import { UserError } from "../../errors.js"
import { overRows, type Work } from "../../in-turns.js"
import { MAXIMUM_BYTES, mebibytes } from "../memory.js"
import type { PictureSize } from "../picture-size.js"
import type { RgbImage } from "../rgb.js"

export interface ImageTiles {
  /** [T, 3, height, width] */
  pixelValues: Float32Array
  shape: [number, 3, number, number]
}

/** What part of a picture a tile shows: it may reach beyond the picture, which is black there. */
export interface TileView extends PictureSize {
  left: number
  top: number
}

/** Far beyond what any model is published with. */
const MOST_TILES = 4096

/**
 * Before anything is computed.
 * @param resized what the tiles are cut from
 * @throws UserError for more tiles, or more memory, than a picture may take
 */
export function checkTiles(picture: PictureSize, tiles: number, tile: PictureSize, resized: PictureSize): void {
  const bytes =
    tiles * tile.width * tile.height * 3 * Float32Array.BYTES_PER_ELEMENT + resized.width * resized.height * 3
  if (tiles <= MOST_TILES && bytes <= MAXIMUM_BYTES) return
  const what =
    tiles > MOST_TILES
      ? `would become ${tiles} tiles, more than the ${MOST_TILES} allowed`
      : `would become ${tiles} tile${tiles === 1 ? "" : "s"} of ${tile.width} × ${tile.height} pixels, cut from ${resized.width} × ${resized.height}: they take ${mebibytes(bytes)}, more than the ${mebibytes(MAXIMUM_BYTES)} allowed`
  throw new UserError(`the image (${picture.width} × ${picture.height}) ${what}`, {
    fix: "crop it, or have it cut into fewer and smaller tiles",
  })
}

/** @throws UserError for a picture whose bytes are not those of its size */
export function checkBytes({ width, height, data }: RgbImage): void {
  const bytes = width * height * 3
  if (data.length === bytes) return
  throw new UserError(`an image of ${width} × ${height} has ${bytes} bytes, not ${data.length}`, {
    fix: "give red, green and blue of every pixel",
  })
}

/**
 * Writes a tile, channel by channel: out[at …] = [3, height, width].
 * @param tables values of each byte, per channel
 */
export function* writeTile(
  out: Float32Array,
  at: number,
  image: RgbImage,
  { left, top, width, height }: TileView,
  tables: readonly Float32Array[],
): Work<undefined> {
  const first = Math.min(width, Math.max(0, -left))
  const last = Math.max(first, Math.min(width, image.width - left))
  yield* overRows(3 * height, width, (from, until) => {
    for (let row = from; row < until; row++) {
      const channel = Math.floor(row / height)
      const y = top + (row % height)
      const table = tables[channel]
      const to = at + row * width
      const isInside = y >= 0 && y < image.height
      const [begin, end] = isInside ? [first, last] : [width, width]
      out.fill(table[0], to, to + begin)
      let pixel = (y * image.width + left + begin) * 3 + channel
      for (let x = begin; x < end; x++, pixel += 3) out[to + x] = table[image.data[pixel]]
      out.fill(table[0], to + end, to + width)
    }
  })
  return undefined
}
