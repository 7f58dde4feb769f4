/**
 * Idefics3's and SmolVLM's preparation: a picture is enlarged to whole tiles, cut, and followed by a small copy of the whole;
 * the prompt names the row and column of each. Exact with transformers' slow processors on RGB pictures. All tiles are full:
 * their attention masks are ones.
 */

import { inTurns, type Work } from "../../in-turns.js"
import { checkSize, type PictureSize } from "../picture-size.js"
import { normalisations, type PixelOptions } from "../pixels.js"
import { resizing } from "../resize.js"
import type { RgbImage } from "../rgb.js"
import type { ImagePiece, PictureProcessor } from "./pieces.js"
import { checkBytes, checkTiles, type ImageTiles, writeTile } from "./tiles.js"

export interface SplitSettings {
  /** What every picture is resized to first: its longer side, or exactly. @default nothing */
  size?: { longestEdge: number } | PictureSize
  /** Pixels per side of a tile. */
  side: number
  /** Whether pictures are cut into tiles; otherwise they are stretched to one. */
  splits: boolean
  /** Tokens of a tile. */
  tokensPerTile: number
  marks?: Partial<SplitMarks>
}

/** Special tokens around the features of tiles. */
export interface SplitMarks {
  /** Before every tile, and after the last. @default "<fake_token_around_image>" */
  around: string
  /** Before the whole picture. @default "<global-img>" */
  global: string
}

export interface SplitLayout {
  /** Tiles down and across, besides the whole picture; 0 where it is not cut. */
  rows: number
  columns: number
  /** What it is resized to, one after the other, before it is cut. */
  steps: PictureSize[]
}

export interface SplitTiles extends ImageTiles {
  layout: SplitLayout
}

/** No picture is enlarged beyond this. */
const LONGEST_SIDE = 4096

export const splitProcessor = (settings: SplitSettings, pixels: PixelOptions): PictureProcessor<SplitTiles> => ({
  pieces: (size) => splitPieces(splitLayout(size, settings), settings),
  prepare: (image) => inTurns(splitTiles(image, settings, pixels)),
})

/** A picture of this longer side, its shorter one even. */
function withLongestEdge(size: PictureSize, longest: number): PictureSize {
  const ratio = size.width / size.height
  const isWide = size.width >= size.height
  const shorter = Math.trunc(isWide ? longest / ratio : longest * ratio)
  const even = Math.max(1, shorter + (shorter % 2))
  return limited(isWide ? { width: longest, height: even } : { width: even, height: longest })
}

function limited(size: PictureSize): PictureSize {
  const { width, height } = size
  if (Math.max(width, height) <= LONGEST_SIDE) return size
  const ratio = width / height
  return width >= height
    ? { width: LONGEST_SIDE, height: Math.max(1, Math.trunc(LONGEST_SIDE / ratio)) }
    : { width: Math.max(1, Math.trunc(LONGEST_SIDE * ratio)), height: LONGEST_SIDE }
}

/** Whole tiles: the longer side rounded up, then the shorter one that belongs to it. */
function inWholeTiles({ width, height }: PictureSize, side: number): PictureSize {
  const up = (length: number): number => Math.max(1, Math.ceil(length / side)) * side
  const ratio = width / height
  if (width >= height) return { width: up(width), height: up(Math.trunc(up(width) / ratio)) }
  return { width: up(Math.trunc(up(height) * ratio)), height: up(height) }
}

/**
 * How a picture of this size is cut.
 * @throws UserError for a size without pixels, or tiles that take more memory than a picture may
 */
export function splitLayout(picture: PictureSize, { size, side, splits }: SplitSettings): SplitLayout {
  checkSize(picture)
  const first = size && ("longestEdge" in size ? withLongestEdge(picture, size.longestEdge) : size)
  const tile = { width: side, height: side }
  const whole = splits ? inWholeTiles(first ?? picture, side) : tile
  const isCut = whole.width > side || whole.height > side
  const [rows, columns] = isCut ? [whole.height / side, whole.width / side] : [0, 0]
  const largest = first && first.width * first.height > whole.width * whole.height ? first : whole
  checkTiles(picture, rows * columns + 1, tile, largest)
  return { rows, columns, steps: first ? [first, whole] : [whole] }
}

/** What a picture stands for in the prompt. */
export function splitPieces({ rows, columns }: SplitLayout, { tokensPerTile, marks }: SplitSettings): ImagePiece[] {
  const { around = "<fake_token_around_image>", global = "<global-img>" } = marks ?? {}
  const pieces: ImagePiece[] = []
  for (let row = 1; row <= rows; row++) {
    for (let column = 1; column <= columns; column++) {
      const lineBreak = row > 1 && column === 1 ? "\n" : ""
      pieces.push(`${lineBreak}${around}<row_${row}_col_${column}>`, tokensPerTile)
    }
  }
  pieces.push(`${rows > 0 ? "\n\n" : ""}${around}${global}`, tokensPerTile, around)
  return pieces
}

/**
 * The tiles of a picture, row by row, and the whole one last; in pieces.
 * @throws UserError for a picture without pixels, or of more memory than it may take
 */
function* splitTiles(image: RgbImage, settings: SplitSettings, pixels: PixelOptions): Work<SplitTiles> {
  const layout = splitLayout(image, settings)
  checkBytes(image)
  const { side } = settings
  const { kernel, pillow } = pixels
  const tables = normalisations(pixels)
  let resized = image
  for (const { width, height } of layout.steps) resized = yield* resizing(resized, width, height, kernel, pillow)
  const { rows, columns } = layout
  const cut = rows * columns
  const area = 3 * side * side
  const pixelValues = new Float32Array((cut + 1) * area)
  for (let i = 0; i < cut; i++) {
    const view = { width: side, height: side, left: (i % columns) * side, top: Math.floor(i / columns) * side }
    yield* writeTile(pixelValues, i * area, resized, view, tables)
  }
  const whole = yield* resizing(resized, side, side, kernel, pillow)
  yield* writeTile(pixelValues, cut * area, whole, { width: side, height: side, left: 0, top: 0 }, tables)
  return { pixelValues, shape: [cut + 1, 3, side, side], layout }
}
