/** How the tiles of a picture become its rows in the sequence: what is cut off, resized and counted. Plain numbers only. */

import { UserError } from "../../errors.js"
import type { TileFeatures } from "../towers/features.js"
import type { FeatureGrid } from "../towers/tower.js"

/** A picture in tiles. */
export interface TiledShape {
  /** T: where there are several, the first shows the whole picture and the others are parts of it. */
  tiles: number
  /** How the tiles behind the first lie; absent for a single tile. */
  tileGrid?: readonly [rows: number, columns: number]
  /** Of the picture in pixels, before it was resized. */
  size: { width: number; height: number }
}

export type TileMerge =
  /** The features of all tiles, one tile behind the other. */
  | { type: "flat" }
  /** Those of the whole picture, then those of the parts as one map, row by row. */
  | {
      type: "spatial"
      /** The learned vector behind each row of the map, and behind a single tile. */
      newline: boolean
      /**
       * What a canvas of another aspect ratio added is cut off. The height or width that is left is a product of floats:
       * LLaVA's code truncates it as it is, transformers after rounding to seven decimals.
       */
      unpad?: "truncated" | "rounded"
      /** `anyres_max_N`: a map of more features than N tiles have (by a fifth) is resized to about as many. */
      maxTiles?: number
    }

/** Part of a map, and the size that it is resized to where it is. */
export interface MapWindow {
  top: number
  left: number
  rows: number
  columns: number
  resized?: readonly [rows: number, columns: number]
}

/**
 * What is taken of the map of all parts.
 * @throws UserError when tiles and their arrangement contradict each other, or nothing is left of the picture
 */
export function mapWindow(
  { tiles, tileGrid, size }: TiledShape,
  merge: TileMerge & { type: "spatial" },
  grid: FeatureGrid,
): MapWindow {
  const [tileRows, tileColumns] = tileGrid ?? [0, 0]
  if (tiles !== tileRows * tileColumns + 1)
    throw new UserError(
      `the picture has ${tiles} tiles, not one of the whole and ${tileRows} × ${tileColumns} of its parts`,
    )
  const whole = { top: 0, left: 0, rows: tileRows * grid[0], columns: tileColumns * grid[1] }
  const window = merge.unpad ? unpadded(whole, size, merge.unpad) : whole
  if (merge.maxTiles === undefined) return window
  const times = Math.sqrt((window.rows * window.columns) / (merge.maxTiles * grid[0] ** 2))
  if (!(times > 1.1)) return window
  const resized = [floorDivide(window.rows, times), floorDivide(window.columns, times)] as const
  if (resized[0] > 0 && resized[1] > 0) return { ...window, resized }
  throw new UserError(`the picture of ${size.width} × ${size.height} is too thin: no row of its features is left`, {
    fix: "crop it",
  })
}

function unpadded(
  { rows, columns }: MapWindow,
  { width, height }: TiledShape["size"],
  rule: "truncated" | "rounded",
): MapWindow {
  const whole = (x: number): number => Math.trunc(rule === "rounded" ? Number(x.toFixed(7)) : x)
  if (width / height > columns / rows) {
    const top = Math.floor((rows - whole(height * (columns / width))) / 2)
    return { top, left: 0, rows: rows - 2 * top, columns }
  }
  const left = Math.floor((columns - whole(width * (rows / height))) / 2)
  return { top: 0, left, rows, columns: columns - 2 * left }
}

/** Python's a // b for floats: the quotient of what a has above the remainder, which division alone may round up. */
function floorDivide(a: number, b: number): number {
  const quotient = (a - (a % b)) / b
  const floor = Math.floor(quotient)
  return quotient - floor > 0.5 ? floor + 1 : floor
}

/** Rows of the sequence that a picture takes. */
export function mergedTokens(shape: TiledShape, merge: TileMerge, { count, grid }: TileFeatures): number {
  if (merge.type === "flat") return shape.tiles * count
  const newline = merge.newline ? 1 : 0
  if (shape.tiles === 1) return count + newline
  const window = mapWindow(shape, merge, requireGrid(grid))
  const [rows, columns] = window.resized ?? [window.rows, window.columns]
  return count + rows * (columns + newline)
}

/** @throws UserError when features form no grid */
export function requireGrid(grid: FeatureGrid | undefined): FeatureGrid {
  if (grid) return grid
  throw new UserError("the tower's features form no grid, so that tiles cannot be merged", {
    fix: "leave the class token out, or merge flat",
  })
}
