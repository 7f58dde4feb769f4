/** Augmentation: each option does what it says and nothing else; the same random numbers give the same picture. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { randomFrom } from "../data/prng.js"
import { type AugmentOptions, augment } from "./augment.js"
import type { RgbImage } from "./rgb.js"

const everything: AugmentOptions = {
  scale: [0.85, 1.2],
  rotateDegrees: 14,
  shift: 0.1,
  shear: 0.1,
  flip: 0.5,
  hueRadians: 0.25,
  saturation: 0.3,
  brightness: 0.2,
}
/** The largest value of every range, the smallest, and the middle (which changes nothing). */
const largest = () => 1 - 2 ** -32
const smallest = () => 0
const middle = () => 0.5

const side = fc.integer({ min: 1, max: 20 })
const image: fc.Arbitrary<RgbImage> = fc
  .tuple(side, side)
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      .map((data) => ({ width, height, data })),
  )

/** A picture of one colour per pixel. */
function painted(width: number, height: number, color: (x: number, y: number) => readonly number[]): RgbImage {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(color(x, y), (y * width + x) * 3)
  return { width, height, data }
}
const at = ({ width, data }: RgbImage, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
]
const white = [255, 255, 255] as const
const dot = (x: number, y: number) => painted(9, 9, (px, py) => (px === x && py === y ? [200, 40, 10] : white))

describe("augment", () => {
  it("without options changes nothing, and draws nine numbers a picture", () => {
    fc.assert(
      fc.property(image, fc.integer(), (source, seed) => {
        const random = randomFrom(seed)
        let draws = 0
        const counted = () => {
          draws++
          return random()
        }
        expect(augment(source, {}, counted)).toEqual(source)
        expect(draws).toBe(9)
        augment(source, everything, counted, { image: source, weight: 0.5 })
        expect(draws).toBe(27)
      }),
    )
  })

  it("is a function of the random numbers, and does not touch its input", () => {
    fc.assert(
      fc.property(image, image, fc.integer(), (source, other, seed) => {
        const before = [source.data.slice(), other.data.slice()]
        const mixed = { image: other, weight: 0.3 }
        const once = augment(source, everything, randomFrom(seed), mixed)
        expect(augment(source, everything, randomFrom(seed), mixed)).toEqual(once)
        expect([source.data, other.data]).toEqual(before)
        expect([once.width, once.height, once.data.length]).toEqual([source.width, source.height, source.data.length])
      }),
    )
  })

  it("mirrors", () => {
    fc.assert(
      fc.property(image, (source) => {
        const { width, height } = source
        expect(augment(source, { flip: 1 }, middle)).toEqual(
          painted(width, height, (x, y) => at(source, width - 1 - x, y)),
        )
      }),
    )
  })

  it("shifts by a fraction of the side and fills with the background", () => {
    // 1/3 of nine pixels; the range is symmetric, so the two ends go in opposite directions.
    expect(at(augment(dot(4, 4), { shift: 1 / 3 }, largest), 7, 7)).toEqual([200, 40, 10])
    expect(at(augment(dot(4, 4), { shift: 1 / 3 }, smallest), 1, 1)).toEqual([200, 40, 10])
    const black = painted(9, 9, () => [0, 0, 0])
    const shifted = augment(black, { shift: 1 / 3, background: [10, 20, 30] }, smallest)
    expect([at(shifted, 5, 5), at(shifted, 6, 5), at(shifted, 5, 6)]).toEqual([
      [0, 0, 0],
      [10, 20, 30],
      [10, 20, 30],
    ])
  })

  it("turns clockwise for the upper end, about the centre", () => {
    const quarter = augment(dot(6, 4), { rotateDegrees: 90 }, largest)
    expect(at(quarter, 4, 6)).toEqual([200, 40, 10])
    expect(at(augment(dot(6, 4), { rotateDegrees: 90 }, smallest), 4, 2)).toEqual([200, 40, 10])
  })

  it("scales about the centre", () => {
    const doubled = augment(dot(5, 4), { scale: [2, 2] }, middle)
    expect(at(doubled, 6, 4)).toEqual([200, 40, 10])
    const square = painted(12, 12, (x, y) => (x >= 2 && x < 10 && y >= 2 && y < 10 ? [0, 0, 0] : white))
    const dark = (source: RgbImage) => source.data.reduce((sum, v) => sum + 255 - v, 0) / (3 * 255)
    expect(dark(augment(square, { scale: [0.5, 0.5] }, middle))).toBeCloseTo(16, 0)
    expect(dark(augment(square, { scale: [1.25, 1.25] }, middle))).toBeCloseTo(100, 0)
  })

  it("shears rows against each other", () => {
    const column = painted(9, 9, (x) => (x === 4 ? [0, 0, 0] : white))
    const sheared = augment(column, { shear: 1 }, largest)
    for (let y = 1; y < 8; y++) expect(at(sheared, y, y)).toEqual([0, 0, 0])
  })

  it("keeps greys grey, whatever the hue and saturation", () => {
    const grey = painted(16, 16, (x, y) => new Array(3).fill(x * 16 + y))
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(augment(grey, { hueRadians: 3, saturation: 1 }, randomFrom(seed))).toEqual(grey)
      }),
    )
  })

  it("saturation 0 leaves the luma, brightness scales", () => {
    const picture = painted(1, 1, () => [200, 100, 50])
    const luma = Math.round(0.213 * 200 + 0.715 * 100 + 0.072 * 50)
    expect(at(augment(picture, { saturation: 1 }, smallest), 0, 0)).toEqual([luma, luma, luma])
    expect(at(augment(picture, { brightness: 0.5 }, smallest), 0, 0)).toEqual([100, 50, 25])
    expect(at(augment(picture, { brightness: 0.5 }, largest), 0, 0)).toEqual([255, 150, 75])
  })

  it("turns the hue as the CSS filter hue-rotate", () => {
    // hue-rotate(90deg) of pure red: 255 · (0.213 − 0.213, 0.213 + 0.143, 0.213 − 0.787), cut off at 0.
    const red = painted(1, 1, () => [255, 0, 0])
    expect(at(augment(red, { hueRadians: Math.PI / 2 }, largest), 0, 0)).toEqual([0, 91, 0])
  })

  it("mixes in another picture by its weight, stretching one of another size", () => {
    const first = painted(6, 4, () => [0, 100, 200])
    const image = painted(3, 8, () => [100, 101, 0])
    expect(augment(first, {}, middle, { image, weight: 0.5 })).toEqual(painted(6, 4, () => [50, 101, 100]))
    expect(augment(first, {}, middle, { image, weight: 0.25 })).toEqual(painted(6, 4, () => [25, 100, 150]))
    expect(augment(first, {}, middle, { image, weight: 1 })).toEqual(painted(6, 4, () => [100, 101, 0]))
  })
})
