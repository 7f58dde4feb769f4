/** Tiles of every family: transformers' numbers for odd sizes, and refusals before anything is computed. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { sha256 } from "../../../test/support/images.js"
import { expectedTiles, patterned } from "../../../test/support/tiles.js"
import { UserError } from "../../errors.js"
import { CLIP_MEAN, CLIP_STD, HALF, meanColour, type PixelOptions } from "../pixels.js"
import { type ResizeKernel, resize } from "../resize.js"
import type { AnyresSettings } from "./anyres.js"
import { anyresProcessor } from "./anyres-tiles.js"
import type { PictureProcessor } from "./pieces.js"
import { qwenImage } from "./qwen.js"
import { singleTileProcessor } from "./single-tile.js"
import { type SplitSettings, splitLayout, splitPieces, splitProcessor } from "./split.js"
import type { ImageTiles } from "./tiles.js"

const SIDE = 56
const tile = { width: SIDE, height: SIDE }
const clip: PixelOptions = { kernel: "bicubic", pillow: 13, rescaleFactor: 1 / 255, mean: CLIP_MEAN, std: CLIP_STD }
const half: PixelOptions = { ...clip, mean: HALF, std: HALF }
const lanczos: PixelOptions = { ...half, kernel: "lanczos" }
const anyres: AnyresSettings = {
  side: SIDE,
  tokensPerTile: 16,
  aspect: "anyres",
  candidates: [
    { width: 112, height: 56 },
    { width: 56, height: 112 },
    { width: 112, height: 112 },
    { width: 168, height: 56 },
    { width: 56, height: 168 },
  ],
  maxTiles: 9,
  merge: "spatial_unpad",
  decimals: 7,
}
const split: SplitSettings = { size: { longestEdge: 224 }, side: SIDE, splits: true, tokensPerTile: 3 }

const PROCESSORS: Record<string, { processor: PictureProcessor<ImageTiles>; among?: number }> = {
  clip: { processor: singleTileProcessor({ size: { shortestEdge: SIDE }, crop: tile }, clip, 16) },
  "clip, cropped only": { processor: singleTileProcessor({ crop: tile }, clip, 16) },
  "clip, bilinear, smaller than its crop": {
    processor: singleTileProcessor({ size: { shortestEdge: 33 }, crop: tile }, { ...clip, kernel: "bilinear" }, 16),
  },
  siglip: { processor: singleTileProcessor({ size: tile }, half, 16) },
  "siglip, lanczos": { processor: singleTileProcessor({ size: tile }, lanczos, 16) },
  "llava, padded": {
    processor: singleTileProcessor(
      { canvas: meanColour(CLIP_MEAN), size: { shortestEdge: SIDE }, crop: tile },
      clip,
      16,
    ),
  },
  onevision: { processor: anyresProcessor(anyres, half) },
  "onevision, several": { processor: anyresProcessor(anyres, clip), among: 2 },
  split: { processor: splitProcessor(split, lanczos) },
  "split, not resized": { processor: splitProcessor({ ...split, size: undefined }, lanczos) },
  "split, whole": { processor: splitProcessor({ ...split, splits: false }, lanczos) },
}

describe("the same tiles as transformers", () => {
  const cases = expectedTiles.cases.filter(({ processor }) => processor !== "qwen3")
  it.each(cases)("$processor $size", async ({ processor: name, size, shape, sha256: digest }) => {
    const { processor, among } = PROCESSORS[name]
    const tiles = await processor.prepare(patterned(...size), among)
    expect(tiles.shape).toEqual(shape)
    expect(sha256(tiles.pixelValues)).toBe(digest)
  })

  it("has cases of every processor", () => {
    expect([...new Set(cases.map(({ processor }) => processor))].sort()).toEqual(Object.keys(PROCESSORS).sort())
  })
})

describe("the authors' single tiles", () => {
  const image = patterned(50, 20)
  const whole = async (settings: Partial<AnyresSettings>, among = 1) => {
    const { pixelValues, shape } = await anyresProcessor({ ...anyres, ...settings }, half).prepare(image, among)
    expect(shape).toEqual([1, 3, SIDE, SIDE])
    return sha256(pixelValues)
  }

  it("are the first of all tiles in training, stretched (quirk Q1)", async () => {
    const { pixelValues } = await anyresProcessor(anyres, half).prepare(image)
    expect(await whole({ wholeOnly: true })).toBe(sha256(pixelValues.slice(0, 3 * SIDE * SIDE)))
    expect(await whole({ aspect: "square" })).toBe(await whole({ wholeOnly: true }))
  })

  it("are on square canvases where there are several pictures, whatever a single one is", async () => {
    const padded = await whole({ aspect: "pad" })
    expect(padded).not.toBe(await whole({ aspect: "square" }))
    for (const aspect of ["pad", "square", "anyres"] as const) expect(await whole({ aspect }, 2)).toBe(padded)
    expect(await whole({ wholeOnly: true }, 2)).toBe(padded)
  })
})

describe("Qwen3-VL's patches", () => {
  it.each(expectedTiles.cases.filter(({ processor }) => processor === "qwen3"))("$size", (want) => {
    const limits = { minPixels: 4096, maxPixels: 36864, patchSize: 16, mergeSize: 2, temporalPatchSize: 2 }
    const { pixelValues, grid } = qwenImage(patterned(...want.size), { ...limits, ...half })
    expect(grid).toEqual(want.grid)
    expect(sha256(pixelValues)).toBe(want.sha256)
  })
})

describe("Pillow 13's order of passes", () => {
  const kernels: Record<number, ResizeKernel> = { 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming" }
  it.each(expectedTiles.resized)("$from $to $resample", ({ from, to, resample, sha256: digest }) => {
    expect(sha256(resize(patterned(...from), ...to, kernels[resample], 13).data)).toBe(digest)
  })

  it("is not that of Pillow 12 where the height shrinks more", () => {
    const [wide, tall] = [patterned(410, 130), patterned(130, 410)]
    expect(resize(wide, 256, 82, "bicubic", 13)).toEqual(resize(wide, 256, 82, "bicubic", 12))
    expect(resize(tall, 82, 256, "bicubic", 13)).not.toEqual(resize(tall, 82, 256, "bicubic", 12))
  })
})

describe("any processor", () => {
  const all = Object.entries(PROCESSORS)
  const broken = [
    [0, 5],
    [5, 0],
    [-3, 5],
    [Number.NaN, 5],
    [5, Number.POSITIVE_INFINITY],
    [2.5, 5],
    [1e9, 1e9],
    [2 ** 53, 1],
  ]
  it.each(all)("%s refuses what is no picture, by its size", async (_, { processor }) => {
    for (const [width, height] of broken) {
      expect(() => processor.pieces({ width, height })).toThrow(UserError)
      await expect(processor.prepare({ width, height, data: new Uint8Array(15) })).rejects.toThrow(UserError)
    }
  })

  it.each(all)("%s refuses bytes of another size", async (_, { processor }) => {
    const image = { ...patterned(5, 4), data: new Uint8Array(59) }
    await expect(processor.prepare(image)).rejects.toThrow("an image of 5 × 4 has 60 bytes, not 59")
  })

  it("gives as many tiles as its pieces say", async () => {
    const side = fc.integer({ min: 1, max: 120 })
    await fc.assert(
      fc.asyncProperty(side, side, fc.constantFrom(...all), async (width, height, [name, { processor, among }]) => {
        const pieces = processor.pieces({ width, height }, among)
        const { shape, pixelValues } = await processor.prepare(patterned(width, height), among)
        expect(pixelValues.length).toBe(shape.reduce((a, b) => a * b))
        if (name.startsWith("split")) expect(pieces.filter((piece) => piece === 3).length).toBe(shape[0])
        else expect(pieces).toHaveLength(1)
      }),
      { numRuns: 30 },
    )
  })

  it("refuses tiles that take too much memory, before it makes them", () => {
    const long = singleTileProcessor({ size: { shortestEdge: SIDE }, crop: tile }, clip, 16)
    expect(() => long.pieces({ width: 1, height: 10_000_000 })).toThrow(
      /^the image \(1 × 10000000\) would become 1 tile of 56 × 56 pixels, cut from 56 × 560000000: they take \d+ MiB/,
    )
    const many = splitProcessor({ ...split, size: { longestEdge: 4096 }, side: 2 }, lanczos)
    expect(() => many.pieces({ width: 90, height: 90 })).toThrow(
      /would become 4194305 tiles, more than the 4096 allowed/,
    )
    const padded = singleTileProcessor({ canvas: [0, 0, 0], size: tile }, clip, 16)
    return expect(padded.prepare({ width: 20_000, height: 1, data: new Uint8Array(60_000) })).rejects.toThrow(
      /on a square canvas the image \(20000 × 1\) takes/,
    )
  })
})

describe("SmolVLM's text", () => {
  const settings = { size: { longestEdge: 224 }, side: 56, splits: true, tokensPerTile: 3 }
  const cases = expectedTiles.cases.filter(({ prompt }) => prompt)

  it.each(cases)("of $size is transformers'", ({ size: [width, height], rows_columns, prompt }) => {
    const layout = splitLayout({ width, height }, settings)
    expect([layout.rows, layout.columns]).toEqual(rows_columns)
    const pieces = splitPieces(layout, settings)
    const text = pieces.map((piece) => (typeof piece === "number" ? "<image>".repeat(piece) : piece)).join("")
    expect(sha256(new TextEncoder().encode(text))).toBe(prompt)
  })

  it("of one tile, and of one column", () => {
    const one = splitPieces({ rows: 0, columns: 0, steps: [] }, settings)
    expect(one).toEqual(["<fake_token_around_image><global-img>", 3, "<fake_token_around_image>"])
    const marks = { around: "<f>", global: "<g>" }
    const two = splitPieces({ rows: 2, columns: 1, steps: [] }, { ...settings, marks })
    expect(two).toEqual(["<f><row_1_col_1>", 3, "\n<f><row_2_col_1>", 3, "\n\n<f><g>", 3, "<f>"])
  })
})
