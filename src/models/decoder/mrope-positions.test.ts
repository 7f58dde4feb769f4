import { expect, it } from "vitest"
import { visionLayout } from "../vision/qwen2_5-vision-layout.js"
import { mropePositions } from "./mrope-positions.js"

it("gives image rows a row and a column, and goes on behind the larger of them", () => {
  const { axes, delta } = mropePositions([7, -200, 8, 9], [[1, 4, 6]], 2)
  expect(axes.map((axis) => [...axis])).toEqual([
    [0, 1, 1, 1, 1, 1, 1, 4, 5],
    [0, 1, 1, 1, 2, 2, 2, 4, 5],
    [0, 1, 2, 3, 1, 2, 3, 4, 5],
  ])
  expect(delta).toBe(6 - 9)
})

it("counts text alone", () => {
  const { axes, delta } = mropePositions([5, 6, 7], [], 2)
  expect([...axes[2]]).toEqual([0, 1, 2])
  expect(delta).toBe(0)
})

it("says when images and slots do not match", () => {
  expect(() => mropePositions([-200], [], 2)).toThrow(/more image slots/)
  expect(() => mropePositions([1], [[1, 2, 2]], 2)).toThrow(/1 images for 0/)
})

it("lays out windows: border windows are smaller, cells and patches keep their coordinates", () => {
  // 2 × 3 cells, windows of 2 × 2 cells: one full window and one of 2 × 1.
  const layout = visionLayout([[1, 4, 6]], 2, 2)
  expect([...layout.windowOrder]).toEqual([0, 1, 3, 4, 2, 5])
  expect([...layout.rasterOrder]).toEqual([0, 1, 4, 2, 3, 5])
  expect(layout.windowLengths).toEqual([16, 8])
  expect(layout.frameLengths).toEqual([24])
  expect([...layout.rows.slice(0, 8)]).toEqual([0, 0, 1, 1, 0, 0, 1, 1])
  expect([...layout.columns.slice(16, 24)]).toEqual([4, 5, 4, 5, 4, 5, 4, 5])
})
