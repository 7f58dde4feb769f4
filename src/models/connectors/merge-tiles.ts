/** The features of a picture's tiles, as rows of the sequence. */

import { UserError } from "../../errors.js"
import type { TileArrangement, TileGrid } from "../../image/processors/tile-arrangement.js"
import { cat, operator, type Tensor } from "../../torch/index.js"
import type { FeatureGrid } from "../towers/tower.js"

const bilinear = operator("aten::upsample_bilinear2d")

/**
 * Features of one picture's tiles [T, P, H] → its rows in the sequence [tokens, H]: without a newline tile after tile, else
 * the whole picture's and then the map of its parts, row by row.
 * @param features of a tile: how they lie
 * @param newline [H]
 * @throws UserError when tiles, features and arrangement do not fit
 */
export function mergeTiles(
  tiles: Tensor,
  { grid, newline: hasNewline }: TileArrangement,
  features: FeatureGrid | undefined,
  newline: Tensor | null,
): Tensor {
  const [count, perTile, size] = tiles.shape
  if (!hasNewline) return tiles.reshape(count * perTile, size)
  if (!newline) throw new UserError("the picture's rows end with a newline, and the model has none")
  const end = newline.to(tiles.dtype)
  const whole = tiles.select(0, 0)
  requireTiles(count, grid)
  if (!grid) return cat([whole, end.view(1, size)])
  if (!features)
    throw new UserError("the tower's features form no grid, so that the tiles of a picture form no map", {
      fix: "leave the class token out, or do not cut pictures into tiles",
    })
  const [rows, columns] = features
  const all = { top: 0, left: 0, rows: grid.rows * rows, columns: grid.columns * columns }
  const { kept = all, shrunk } = grid
  const map = tiles
    .narrow(0, 1, count - 1)
    .reshape(grid.rows, grid.columns, rows, columns, size)
    .permute(0, 2, 1, 3, 4)
    .reshape(all.rows, all.columns, size)
    .narrow(0, kept.top, kept.rows)
    .narrow(1, kept.left, kept.columns)
  const lines = shrunk ? resized(map, shrunk) : map
  const height = lines.shape[0]
  const ended = cat([lines, end.view(1, 1, size).expand(height, 1, size)], 1)
  return cat([whole, ended.reshape(height * ended.shape[1], size)])
}

function requireTiles(count: number, grid: TileGrid | undefined): void {
  const expected = grid ? grid.rows * grid.columns + 1 : 1
  if (count === expected) return
  const parts = grid ? ` and ${grid.rows} × ${grid.columns} of its parts` : ""
  throw new UserError(`the picture has ${count} tiles, not one of the whole${parts}`)
}

/** [rows, columns, H] → another number of rows and columns, bilinear without antialiasing. */
function resized(map: Tensor, { rows, columns }: { rows: number; columns: number }): Tensor {
  const channelsFirst = map.permute(2, 0, 1).contiguous().unsqueeze(0)
  return bilinear.call(channelsFirst, [rows, columns], false, null, null).squeeze(0).permute(1, 2, 0)
}
