/** How the tiles of a picture lie: what cuts them says it, and what merges their features goes by it. Plain numbers. */

export interface TileArrangement {
  /** Of the parts; absent where there is the whole picture alone. */
  grid?: TileGrid
  /** The learned newline stands behind each row of the map, or behind the features of the whole picture alone. */
  newline: boolean
}

/** The first tile shows the whole picture, the others are parts of it, row by row, whose features form one map. */
export interface TileGrid {
  /** Tiles down and across. */
  rows: number
  columns: number
  /** Features of the map that show the picture; the others show padding and are cut off. @default all */
  kept?: { top: number; left: number; rows: number; columns: number }
  /** What the kept ones are shrunk to, bilinearly. @default they are not */
  shrunk?: { rows: number; columns: number }
}
