/** Pixels of anyres: the whole picture, small, and the grid of tiles it is cut into. Exact with transformers and the authors' code. */

import { inTurns, type Work } from "../../in-turns.js"
import { squared } from "../canvas.js"
import { meanColour, normalisations, type PixelOptions } from "../pixels.js"
import { resizing } from "../resize.js"
import type { RgbImage } from "../rgb.js"
import { type AnyresLayout, type AnyresSettings, anyresLayout, anyresPieces } from "./anyres.js"
import type { PictureProcessor } from "./pieces.js"
import { checkBytes, type ImageTiles, writeTile } from "./tiles.js"

export interface AnyresTiles extends ImageTiles {
  layout: AnyresLayout
}

export const anyresProcessor = (settings: AnyresSettings, pixels: PixelOptions): PictureProcessor<AnyresTiles> => ({
  pieces: (size, among) => anyresPieces(size, settings, among),
  prepare: (image, among) => inTurns(anyresTiles(image, settings, pixels, among)),
})

/**
 * The tiles of a picture, in pieces.
 * @param among pictures of the conversation
 * @throws UserError for a picture without pixels, or of more memory than it may take
 */
export function* anyresTiles(
  image: RgbImage,
  settings: AnyresSettings,
  pixels: PixelOptions,
  among = 1,
): Work<AnyresTiles> {
  const layout = anyresLayout(image, settings, among)
  checkBytes(image)
  const { side } = settings
  const { kernel, pillow } = pixels
  const tables = normalisations(pixels)
  const tile = { width: side, height: side }
  const area = 3 * side * side
  const isPadded = settings.aspect === "pad" || among > 1
  const source = isPadded ? yield* squared(image, meanColour(pixels.mean)) : image
  const whole = yield* resizing(source, side, side, kernel, pillow)
  const pixelValues = new Float32Array(layout.tiles * area)
  yield* writeTile(pixelValues, 0, whole, { ...tile, left: 0, top: 0 }, tables)
  if (layout.grid) {
    const { rows, columns, fitted, left, top } = layout.grid
    const large = yield* resizing(image, fitted.width, fitted.height, kernel, pillow)
    for (let i = 0; i < rows * columns; i++) {
      const view = { ...tile, left: (i % columns) * side - left, top: Math.floor(i / columns) * side - top }
      yield* writeTile(pixelValues, (1 + i) * area, large, view, tables)
    }
  }
  return { pixelValues, shape: [layout.tiles, 3, side, side], layout }
}
