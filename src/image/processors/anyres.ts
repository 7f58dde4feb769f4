/**
 * LLaVA's "anyres": a picture becomes a grid of tiles beside a small copy of the whole, and its features a map from which
 * the padding is cut off again. Sizes only; `anyres-tiles.ts` has the pixels.
 */

import { UserError } from "../../errors.js"
import { checkSize, type PictureSize } from "../picture-size.js"
import type { ImagePiece } from "./pieces.js"
import type { TileArrangement, TileGrid } from "./tile-arrangement.js"
import { checkTiles } from "./tiles.js"

export interface AnyresSettings {
  /** Pixels per side of a tile. */
  side: number
  /** Tokens of a tile; in a map they are a square. */
  tokensPerTile: number
  /** square: the whole picture, stretched. pad: the same on a square canvas. anyres: a grid of tiles beside it. */
  aspect: "square" | "pad" | "anyres"
  /** Canvases to choose from, in the order they are tried, for anyres. */
  candidates: readonly PictureSize[]
  /** anyres_max_N: a map of clearly more features than N tiles have is shrunk to about as many. @default never */
  maxTiles?: number
  /** spatial_unpad: one map without padding, each row ending with a newline. flat: tile after tile. */
  merge: "spatial_unpad" | "flat"
  /** Decimals that sizes of the unpadded map are rounded to before they are cut: transformers' 7, the authors' none. */
  decimals?: number
  /** Only the small copy of the whole, as the authors' training does by mistake (quirk Q1). @default false */
  wholeOnly?: boolean
}

export interface AnyresGrid extends TileGrid {
  /** The picture on the canvas, in pixels. */
  fitted: PictureSize
  left: number
  top: number
}

export interface AnyresLayout extends TileArrangement {
  grid?: AnyresGrid
  /** The whole picture first, then the grid. */
  tiles: number
  /** Tokens the picture takes in a sequence. */
  tokens: number
}

type FeatureMap = NonNullable<TileGrid["shrunk"]>

/** The N of "anyres_max_N", as every form of config.json writes it; undefined for anything else. */
export function maxTilesOf(aspect: unknown): number | undefined {
  const digits = typeof aspect === "string" ? /^anyres_max_([1-9]\d{0,3})$/.exec(aspect)?.[1] : undefined
  return digits === undefined ? undefined : Number(digits)
}

/** `maxTilesOf` again. */
export const anyresMax = (maxTiles: number): string => `anyres_max_${maxTiles}`

/**
 * The canvas on which most of the picture's own pixels are seen, and of those the one with the least padding; the first of
 * equals.
 * @throws UserError without candidates
 */
export function selectBestResolution({ width, height }: PictureSize, candidates: readonly PictureSize[]): PictureSize {
  let best: PictureSize | undefined
  let mostSeen = 0
  let leastWasted = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const scale = Math.min(candidate.width / width, candidate.height / height)
    const seen = Math.min(Math.trunc(width * scale) * Math.trunc(height * scale), width * height)
    const wasted = candidate.width * candidate.height - seen
    if (seen > mostSeen || (seen === mostSeen && wasted < leastWasted)) {
      best = candidate
      mostSeen = seen
      leastWasted = wasted
    }
  }
  if (best) return best
  throw new UserError("there is no resolution to choose from", { fix: "name some in image_grid_pinpoints" })
}

/** A picture's size on a canvas it is fitted to: one side exactly, the other rounded up. */
export function fittedSize({ width, height }: PictureSize, canvas: PictureSize): PictureSize {
  const across = canvas.width / width
  const down = canvas.height / height
  return across < down
    ? { width: canvas.width, height: Math.min(Math.ceil(height * across), canvas.height) }
    : { width: Math.min(Math.ceil(width * down), canvas.width), height: canvas.height }
}

/**
 * Tiles and features of a picture.
 * @param among pictures of the conversation: several are not tiled, but each put on a square canvas
 * @throws UserError for a size without pixels, a picture so thin that shrinking leaves no row of its features, or tiles that
 *   take more memory than a picture may
 */
export function anyresLayout(size: PictureSize, settings: AnyresSettings, among = 1): AnyresLayout {
  checkSize(size)
  const { side, tokensPerTile, candidates, merge } = settings
  const newline = merge === "spatial_unpad"
  const tile = { width: side, height: side }
  if (settings.aspect !== "anyres" || among > 1 || settings.wholeOnly) {
    checkTiles(size, 1, tile, tile)
    return { tiles: 1, newline, tokens: tokensPerTile + (newline ? 1 : 0) }
  }
  const canvas = selectBestResolution(size, candidates)
  const [rows, columns] = [canvas.height / side, canvas.width / side]
  const fitted = fittedSize(size, canvas)
  const tiles = 1 + rows * columns
  checkTiles(size, tiles, tile, fitted)
  const grid: AnyresGrid = {
    rows,
    columns,
    fitted,
    left: Math.floor((canvas.width - fitted.width) / 2),
    top: Math.floor((canvas.height - fitted.height) / 2),
  }
  if (!newline) return { tiles, grid, newline, tokens: tokensPerTile * tiles }
  const perSide = Math.sqrt(tokensPerTile)
  const kept = keptFeatures(size, { rows: rows * perSide, columns: columns * perSide }, settings)
  const shrunk = shrunkFeatures(kept, settings)
  if (shrunk && Math.min(shrunk.rows, shrunk.columns) < 1)
    throw new UserError(`the image (${size.width} × ${size.height}) is too thin: no row of its features is left`, {
      fix: "crop it",
    })
  const map = shrunk ?? kept
  return {
    tiles,
    grid: { ...grid, kept, ...(shrunk && { shrunk }) },
    newline,
    tokens: tokensPerTile + map.rows * (map.columns + 1),
  }
}

/** The part of a map of features that the fitted picture fills. */
function keptFeatures(
  { width, height }: PictureSize,
  { rows, columns }: FeatureMap,
  { decimals }: AnyresSettings,
): NonNullable<TileGrid["kept"]> {
  const whole = (length: number): number =>
    Math.trunc(decimals === undefined ? length : Number(length.toFixed(decimals)))
  if (width / height > columns / rows) {
    const top = Math.floor((rows - whole(height * (columns / width))) / 2)
    return { top, left: 0, rows: rows - 2 * top, columns }
  }
  const left = Math.floor((columns - whole(width * (rows / height))) / 2)
  return { top: 0, left, rows, columns: columns - 2 * left }
}

function shrunkFeatures(
  { rows, columns }: FeatureMap,
  { maxTiles, tokensPerTile }: AnyresSettings,
): TileGrid["shrunk"] {
  if (maxTiles === undefined) return undefined
  const times = Math.sqrt((rows * columns) / (maxTiles * tokensPerTile))
  return times > 1.1 ? { rows: floorDivided(rows, times), columns: floorDivided(columns, times) } : undefined
}

/** Python's `//` of positive floats, which is not the quotient rounded down: that may have been rounded up to a whole number. */
function floorDivided(x: number, y: number): number {
  const quotient = (x - (x % y)) / y
  const floor = Math.floor(quotient)
  return quotient - floor > 0.5 ? floor + 1 : floor
}

/** A picture as tokens alone. */
export const anyresPieces = (size: PictureSize, settings: AnyresSettings, among?: number): ImagePiece[] => [
  anyresLayout(size, settings, among).tokens,
]
