/** The features of a picture's tiles, as rows of the sequence. */

import { cat, operator, type Tensor } from "../../torch/index.js"
import type { FeatureGrid } from "../towers/tower.js"
import { mapWindow, requireGrid, type TiledShape, type TileMerge } from "./anyres.js"

const bilinear = operator("aten::upsample_bilinear2d")

/**
 * Features of one picture's tiles [T, P, H] → [tokens, H], as `mergedTokens` counts them.
 * @param grid of a tile's features
 * @param newline [H], where the merge has one
 * @throws UserError when tiles and picture do not fit
 */
export function mergeTiles(
  features: Tensor,
  shape: TiledShape,
  merge: TileMerge,
  grid: FeatureGrid | undefined,
  newline: Tensor | null,
): Tensor {
  const [tiles, count, size] = features.shape
  if (merge.type === "flat") return features.reshape(tiles * count, size)
  const end = newline?.to(features.dtype)
  const base = features.select(0, 0)
  if (tiles === 1) return end ? cat([base, end.view(1, size)]) : base
  const [rows, columns] = requireGrid(grid)
  const window = mapWindow(shape, merge, [rows, columns])
  const [tileRows, tileColumns] = shape.tileGrid as readonly [number, number]
  const map = features
    .narrow(0, 1, tiles - 1)
    .reshape(tileRows, tileColumns, rows, columns, size)
    .permute(0, 2, 1, 3, 4)
    .reshape(tileRows * rows, tileColumns * columns, size)
    .narrow(0, window.top, window.rows)
    .narrow(1, window.left, window.columns)
  const fitted = window.resized ? resized(map, window.resized) : map
  const [mapRows, mapColumns] = fitted.shape
  const lines = end ? cat([fitted, end.view(1, 1, size).expand(mapRows, 1, size)], 1) : fitted
  return cat([base, lines.reshape(mapRows * (mapColumns + (end ? 1 : 0)), size)])
}

/** [rows, columns, H], bilinear without antialiasing, pixels seen as areas. */
function resized(map: Tensor, size: readonly [number, number]): Tensor {
  const channelsFirst = map.permute(2, 0, 1).contiguous().unsqueeze(0)
  return bilinear
    .call(channelsFirst, [...size], false, null, null)
    .squeeze(0)
    .permute(1, 2, 0)
}
