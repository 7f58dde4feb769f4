/** Where the patches of an image lie: window order and coordinates of the Qwen2.5-VL vision tower. Plain numbers only. */

/** Frames, patch rows, patch columns. */
export type Grid = readonly [number, number, number]

export interface VisionLayout {
  /** For each index in window order, the merge cell (raster order, all images in a row) that stands there. */
  windowOrder: Int32Array
  /** The index of each merge cell in window order. */
  rasterOrder: Int32Array
  /** Patches of each window, empty windows left out. */
  windowLengths: number[]
  /** Patches of each frame: what full-attention blocks see. */
  frameLengths: number[]
  /** Row and column of each patch, in window order. */
  rows: Float32Array
  columns: Float32Array
}

/**
 * Patches come grouped by merge cells of `mergeSize`² patches, cells in raster order. Windows of `windowCells`² cells are
 * listed in raster order, and cells in raster order inside a window; those at the border are smaller.
 */
export function visionLayout(grids: readonly Grid[], mergeSize: number, windowCells: number): VisionLayout {
  const order: number[] = []
  const windowLengths: number[] = []
  const frameLengths: number[] = []
  const cellRows: number[] = []
  const cellColumns: number[] = []
  const unit = mergeSize * mergeSize
  let firstCell = 0
  for (const [frames, patchRows, patchColumns] of grids) {
    const [height, width] = [patchRows / mergeSize, patchColumns / mergeSize]
    for (let frame = 0; frame < frames; frame++) {
      frameLengths.push(height * width * unit)
      for (let top = 0; top < height; top += windowCells) {
        for (let left = 0; left < width; left += windowCells) {
          const [bottom, right] = [Math.min(height, top + windowCells), Math.min(width, left + windowCells)]
          for (let row = top; row < bottom; row++) {
            for (let column = left; column < right; column++) {
              order.push(firstCell + row * width + column)
              cellRows.push(row)
              cellColumns.push(column)
            }
          }
          windowLengths.push((bottom - top) * (right - left) * unit)
        }
      }
      firstCell += height * width
    }
  }
  const rasterOrder = new Int32Array(order.length)
  order.forEach((cell, index) => {
    rasterOrder[cell] = index
  })
  const rows = new Float32Array(order.length * unit)
  const columns = new Float32Array(order.length * unit)
  for (let index = 0; index < order.length; index++) {
    for (let i = 0; i < unit; i++) {
      rows[index * unit + i] = cellRows[index] * mergeSize + Math.floor(i / mergeSize)
      columns[index * unit + i] = cellColumns[index] * mergeSize + (i % mergeSize)
    }
  }
  return { windowOrder: Int32Array.from(order), rasterOrder, windowLengths, frameLengths, rows, columns }
}
