/**
 * One tile for every picture: CLIP's, SigLIP's and LLaVA-1.5's preparation. Exact with transformers' slow processors.
 */

import { inTurns, type Work } from "../../in-turns.js"
import { squared } from "../canvas.js"
import { checkSize, type PictureSize } from "../picture-size.js"
import { normalisations, type PixelOptions } from "../pixels.js"
import { resizing } from "../resize.js"
import type { RgbImage } from "../rgb.js"
import type { PictureProcessor } from "./pieces.js"
import { checkBytes, checkTiles, type ImageTiles, writeTile } from "./tiles.js"

export interface SingleTileSettings {
  /** Colour of a square canvas that it is put on first, as bytes. @default none */
  canvas?: readonly number[]
  /** What it is resized to: its shorter side, or exactly. @default nothing */
  size?: { shortestEdge: number } | PictureSize
  /** Cut from its middle; black where it is smaller. @default nothing */
  crop?: PictureSize
}

/** @param tokens of every picture */
export const singleTileProcessor = (
  settings: SingleTileSettings,
  pixels: PixelOptions,
  tokens: number,
): PictureProcessor<ImageTiles> => ({
  pieces(size) {
    singleTileSizes(size, settings)
    return [tokens]
  },
  prepare: (image) => inTurns(singleTile(image, settings, pixels)),
})

/**
 * What a picture of this size is resized to, and what remains of it.
 * @throws UserError for a size without pixels, or of more memory than a picture may take
 */
function singleTileSizes(
  picture: PictureSize,
  { canvas, size, crop }: SingleTileSettings,
): { resized: PictureSize; tile: PictureSize } {
  checkSize(picture)
  const side = Math.max(picture.width, picture.height)
  const source = canvas ? { width: side, height: side } : { width: picture.width, height: picture.height }
  const resized = size === undefined ? source : "shortestEdge" in size ? withShortest(source, size.shortestEdge) : size
  const tile = crop ?? resized
  checkTiles(picture, 1, tile, resized)
  return { resized, tile }
}

function withShortest({ width, height }: PictureSize, shortest: number): PictureSize {
  const isTall = width <= height
  const [short, long] = isTall ? [width, height] : [height, width]
  const longest = Math.trunc((shortest * long) / short)
  return isTall ? { width: shortest, height: longest } : { width: longest, height: shortest }
}

/**
 * The tile of a picture, in pieces.
 * @throws UserError for a picture without pixels, or of more memory than it may take
 */
function* singleTile(image: RgbImage, settings: SingleTileSettings, pixels: PixelOptions): Work<ImageTiles> {
  const { resized, tile } = singleTileSizes(image, settings)
  checkBytes(image)
  const source = settings.canvas ? yield* squared(image, settings.canvas) : image
  const { kernel, pillow } = pixels
  const whole = yield* resizing(source, resized.width, resized.height, kernel, pillow)
  const view = {
    ...tile,
    left: Math.floor((resized.width - tile.width) / 2),
    top: Math.floor((resized.height - tile.height) / 2),
  }
  const pixelValues = new Float32Array(3 * tile.width * tile.height)
  yield* writeTile(pixelValues, 0, whole, view, normalisations(pixels))
  return { pixelValues, shape: [1, 3, tile.height, tile.width] }
}
