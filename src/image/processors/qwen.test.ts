/** Qwen2.5-VL preprocessing: the reference's numbers, the size rule's promises, padding, options. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { expectedImages, imagePath, sha256 } from "../../../test/support/images.js"
import { UserError } from "../../errors.js"
import { decodeImage, type RgbImage } from "../decode.js"
import { padToSquare, prepareImage, qwenGrid, qwenImage, smartResize } from "./qwen.js"

const upstream = { minPixels: 147456, maxPixels: 262144 }

describe("patches", () => {
  it.each(expectedImages.qwen)("$source $min_pixels $max_pixels", async (want) => {
    const image = await decodeImage(imagePath(want.source))
    const { pixelValues, grid } = qwenImage(image, { minPixels: want.min_pixels, maxPixels: want.max_pixels })
    expect(grid).toEqual(want.grid)
    expect([...pixelValues.subarray(0, want.first.length)]).toEqual(want.first)
    expect(sha256(pixelValues)).toBe(want.sha256)
  })

  it("other patch, merge and frame counts put every pixel where it belongs", () => {
    // 4 × 8 pixels, patches of 2, cells of 2 × 2 patches, 3 frames; red holds the pixel's index.
    const data = new Uint8Array(4 * 8 * 3)
    for (let i = 0; i < 32; i++) data[3 * i] = i
    const { pixelValues, grid } = qwenImage(
      { width: 8, height: 4, data },
      {
        minPixels: 1,
        maxPixels: 32,
        patchSize: 2,
        mergeSize: 2,
        temporalPatchSize: 3,
        mean: [0, 0, 0],
        std: [1, 1, 1],
      },
    )
    expect(grid).toEqual([1, 2, 4])
    const red = (row: number, frame: number) =>
      Array.from(pixelValues.subarray(row * 36 + frame * 4, row * 36 + frame * 4 + 4), (v) => Math.round(v * 255))
    const rows = [0, 2, 16, 18, 4, 6, 20, 22].map((topLeft) => [topLeft, topLeft + 1, topLeft + 8, topLeft + 9])
    for (let row = 0; row < 8; row++) for (let frame = 0; frame < 3; frame++) expect(red(row, frame)).toEqual(rows[row])
  })
})

describe("in pieces", () => {
  const options = { minPixels: 3136, maxPixels: 200_000 }

  it("gives the same numbers as at once, on a square canvas too, and lets the event loop turn", async () => {
    const { data } = await decodeImage(imagePath("rgb.png"))
    const large = { width: 900, height: 700, data: new Uint8Array(900 * 700 * 3).map((_, i) => data[i % data.length]) }
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const [plain, padded] = [await prepareImage(large, options), await prepareImage(large, options, true)]
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
    for (const [inPieces, atOnce] of [
      [plain, qwenImage(large, options)],
      [padded, qwenImage(padToSquare(large), options)],
    ]) {
      expect(inPieces.grid).toEqual(atOnce.grid)
      expect(sha256(inPieces.pixelValues)).toBe(sha256(atOnce.pixelValues))
    }
  })

  it("the grid is known before", () => {
    const side = fc.integer({ min: 10, max: 300 })
    fc.assert(
      fc.property(side, side, (width, height) => {
        const image = { width, height, data: new Uint8Array(width * height * 3) }
        expect(qwenGrid(width, height, options)).toEqual(qwenImage(image, options).grid)
      }),
      { numRuns: 20 },
    )
  })

  it("patches and canvases that would take too much memory are refused before anything of their size is made", () => {
    const image = (width: number, height: number) => ({ width, height, data: new Uint8Array(0) })
    expect(() => qwenGrid(100, 100, { minPixels: 1e12, maxPixels: 1e13 })).toThrow(/resized to 1000020 × 1000020/)
    expect(() => qwenImage(image(9000, 9000), { minPixels: 1, maxPixels: 1e9 })).toThrow(/patches take 2081 MiB/)
    expect(() => padToSquare(image(1, 100_000))).toThrow(/one side is more than 200 times/)
    expect(() => padToSquare(image(16_000, 8000))).toThrow(/on a square canvas the image .* takes 1099 MiB/)
    expect(() => qwenImage(image(60, 60), options)).toThrow("an image of 60 × 60 has 10800 bytes, not 0")
    expect(() => padToSquare(image(0, 5))).toThrow(/no pixels/)
  })
})

describe("smartResize", () => {
  it("gives the sizes worked out by hand", () => {
    const size = (height: number, width: number) =>
      smartResize(height, width, 28, upstream.minPixels, upstream.maxPixels)
    expect(size(56, 56)).toEqual([392, 392])
    expect(size(406, 406)).toEqual([392, 392]) // 14.5 → 14: halves go to the even neighbour
    expect(size(420, 420)).toEqual([420, 420])
    expect(size(434, 434)).toEqual([448, 448]) // 15.5 → 16
    expect(size(490, 490)).toEqual([504, 504])
    expect(size(600, 800)).toEqual([420, 588])
    expect(size(300, 2000)).toEqual([196, 1316])
  })

  it("keeps to multiples of the factor and to the limits", () => {
    const side = fc.integer({ min: 1, max: 8000 })
    fc.assert(
      fc.property(side, side, (height, width) => {
        fc.pre(Math.max(height, width) / Math.min(height, width) <= 200)
        const [h, w] = smartResize(height, width, 28, upstream.minPixels, upstream.maxPixels)
        expect([h % 28, w % 28]).toEqual([0, 0])
        expect(h * w).toBeGreaterThanOrEqual(28 * 28)
        // Rounding up to the minimum may pass the maximum only for strips, whose short side is one factor.
        expect(h * w <= upstream.maxPixels || Math.min(h, w) <= 56).toBe(true)
      }),
    )
  })

  it("refuses a strip with a sentence", () => {
    expect(() => smartResize(10, 2000, 28, 3136, 262144)).not.toThrow()
    expect(() => smartResize(10, 2001, 28, 3136, 262144)).toThrow(UserError)
    expect(() => smartResize(10, 2001, 28, 3136, 262144)).toThrow(/2001 × 10: one side is more than 200 times/)
  })
})

describe("padToSquare", () => {
  it("centres the picture on the training's colour", () => {
    const image: RgbImage = { width: 2, height: 5, data: new Uint8Array(30).fill(9) }
    const { width, height, data } = padToSquare(image)
    expect([width, height]).toEqual([5, 5])
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 5; x++) {
        const pixel = [...data.subarray((y * 5 + x) * 3, (y * 5 + x) * 3 + 3)]
        expect(pixel).toEqual(x === 1 || x === 2 ? [9, 9, 9] : [122, 116, 104])
      }
    }
    const wide = padToSquare({ width: 3, height: 2, data: new Uint8Array(18).fill(7) })
    expect([...wide.data.subarray(0, 18)]).toEqual(new Array(18).fill(7))
    expect([...wide.data.subarray(18)]).toEqual([122, 116, 104, 122, 116, 104, 122, 116, 104])
  })

  it("leaves squares alone", () => {
    const square: RgbImage = { width: 2, height: 2, data: new Uint8Array(12).fill(3) }
    expect(padToSquare(square)).toBe(square)
  })
})
