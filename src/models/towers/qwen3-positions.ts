/** Qwen3-VL's position embeddings: its square table, seen at the patches of a picture of any size. Plain numbers only. */

/** For each patch four entries of the table and how much of each it gets. */
export interface InterpolatedPositions {
  /** [4, patches] */
  indices: Int32Array
  /** [4, patches], float32 */
  weights: Float32Array
}

/** Indices below and above a place on one side of the table, and how far it is from the one below. */
interface Place {
  low: number
  high: number
  rest: number
}

/**
 * Bilinear between the four neighbours, rounding as the published code does, operation by operation.
 * @param side entries per side of the table
 * @param grids patch rows and columns of each picture
 * @param counts patches of each picture
 * @param rows and columns of each patch, those of all pictures behind one another
 * @param linspace n numbers in float32 from 0 to side − 1 with equal steps
 */
export function interpolatedPositions(
  side: number,
  grids: readonly (readonly [rows: number, columns: number])[],
  counts: readonly number[],
  rows: Float32Array,
  columns: Float32Array,
  linspace: (n: number) => Float32Array,
): InterpolatedPositions {
  const places = (n: number): Place[] =>
    Array.from(linspace(n), (at) => {
      const low = Math.trunc(at)
      return { low, high: Math.min(low + 1, side - 1), rest: Math.fround(at - low) }
    })
  const patches = rows.length
  const indices = new Int32Array(4 * patches)
  const weights = new Float32Array(4 * patches)
  let patch = 0
  for (const [i, [height, width]] of grids.entries()) {
    const [down, across] = [places(height), places(width)]
    for (const end = patch + counts[i]; patch < end; patch++) {
      const [y, x] = [down[rows[patch]], across[columns[patch]]]
      const [top, left] = [Math.fround(1 - y.rest), Math.fround(1 - x.rest)]
      const corners = [
        [y.low, x.low, top * left],
        [y.low, x.high, top * x.rest],
        [y.high, x.low, y.rest * left],
        [y.high, x.high, y.rest * x.rest],
      ]
      for (const [corner, [row, column, weight]] of corners.entries()) {
        indices[corner * patches + patch] = row * side + column
        weights[corner * patches + patch] = weight
      }
    }
  }
  return { indices, weights }
}
