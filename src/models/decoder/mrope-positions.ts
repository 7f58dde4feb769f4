/** Positions of the autoregressive Qwen2.5-VL: text rows count up, image rows have a time, a row and a column. */

import type { Grid } from "../vision/qwen2_5-vision-layout.js"

export interface MropePositions {
  /** Time, height and width of each row. */
  axes: [Int32Array, Int32Array, Int32Array]
  /** What to add to a later row's index to get its position, the same on all axes. */
  delta: number
}

/**
 * @param ids one negative id for each image slot, which stands for all rows of that image
 * @param grids of the images, in order, in patches
 * @param mergeSize patches per side of an image row
 */
export function mropePositions(ids: ArrayLike<number>, grids: readonly Grid[], mergeSize: number): MropePositions {
  const [time, height, width]: number[][] = [[], [], []]
  let next = 0
  let image = 0
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] >= 0) {
      time.push(next)
      height.push(next)
      width.push(next)
      next++
      continue
    }
    const grid = grids[image++]
    if (!grid) throw new RangeError(`the sequence has more image slots than the ${grids.length} images given`)
    const [frames, rows, columns] = [grid[0], grid[1] / mergeSize, grid[2] / mergeSize]
    for (let t = 0; t < frames; t++) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          // Pictures stand still: their frames share one time.
          time.push(next)
          height.push(next + y)
          width.push(next + x)
        }
      }
    }
    next += Math.max(1, rows, columns)
  }
  if (image !== grids.length) throw new RangeError(`${grids.length} images for ${image} image slots`)
  return { axes: [Int32Array.from(time), Int32Array.from(height), Int32Array.from(width)], delta: next - time.length }
}
