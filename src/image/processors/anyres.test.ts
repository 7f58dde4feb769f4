/** Anyres: the reference's canvases and counts, and what holds for any size. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { expectedTiles } from "../../../test/support/tiles.js"
import { UserError } from "../../errors.js"
import {
  type AnyresSettings,
  anyresLayout,
  anyresMax,
  anyresPieces,
  fittedSize,
  maxTilesOf,
  selectBestResolution,
} from "./anyres.js"

const small: AnyresSettings = {
  side: 56,
  tokensPerTile: 16,
  aspect: "anyres",
  candidates: [
    { width: 112, height: 56 },
    { width: 56, height: 112 },
    { width: 112, height: 112 },
    { width: 168, height: 56 },
    { width: 56, height: 168 },
  ],
  merge: "spatial_unpad",
  decimals: 7,
}
/** 1 × 1 to 6 × 6 tiles of 384 pixels, as LLaVA-OneVision and the authors have them. */
const six = Array.from({ length: 36 }, (_, i) => ({
  width: 384 * (1 + (i % 6)),
  height: 384 * (1 + Math.floor(i / 6)),
}))
/** Transformers counts 16 features a tile in these numbers, whatever its side. */
const large: AnyresSettings = { ...small, side: 384, candidates: six }
const authors: AnyresSettings = { ...large, tokensPerTile: 729, maxTiles: 4, decimals: undefined }

describe("the same as transformers", () => {
  it.each([
    ["small", small],
    ["default", large],
  ] as const)("canvases and counts of %s", (name, settings) => {
    for (const [width, height, bestWidth, bestHeight, four, nine] of expectedTiles.sizes[name]) {
      const best = { width: bestWidth, height: bestHeight }
      expect(selectBestResolution({ width, height }, settings.candidates), `${width} × ${height}`).toEqual(best)
      const counts = [4, 9].map((maxTiles) => anyresPieces({ width, height }, { ...settings, maxTiles })[0])
      expect(counts, `${width} × ${height}`).toEqual([four, nine])
    }
  })

  it.each(expectedTiles.cases.filter(({ tokens }) => tokens))("counts of $size", ({ size, tokens, best }) => {
    const [width, height] = size
    const found = selectBestResolution({ width, height }, small.candidates)
    expect([found.width, found.height]).toEqual(best)
    for (const [most, want] of Object.entries(tokens ?? {}))
      expect(anyresPieces({ width, height }, { ...small, maxTiles: Number(most) })).toEqual([want])
  })
})

describe("the authors' counts", () => {
  // reference-behaviour: whole picture and map with newlines, anyres_max_4.
  it.each([
    [1000, 700, 3654],
    [1920, 1080, 3649],
    [4000, 3000, 3627],
    [2000, 500, 3563],
  ])("%i × %i", (width, height, tokens) => {
    // Their canvases are tried in the other order.
    const candidates = six.map(({ width, height }) => ({ width: height, height: width }))
    expect(anyresLayout({ width, height }, { ...authors, candidates }).tokens).toBe(tokens)
  })

  it("are 730 of a single tile with its newline, 729 without", () => {
    const size = { width: 800, height: 600 }
    for (const settings of [
      { ...authors, aspect: "pad" },
      { ...authors, aspect: "square" },
      { ...authors, wholeOnly: true },
    ] as const) {
      expect(anyresLayout(size, settings)).toEqual({ tiles: 1, newline: true, tokens: 730 })
      expect(anyresPieces(size, { ...settings, merge: "flat" })).toEqual([729])
    }
    expect(anyresPieces(size, authors, 2)).toEqual([730])
  })

  it("are those of all tiles without a map", () => {
    expect(anyresLayout({ width: 1000, height: 700 }, { ...authors, merge: "flat" })).toMatchObject({
      tiles: 7,
      tokens: 7 * 729,
      newline: false,
    })
  })
})

describe("any size", () => {
  const side = fc.integer({ min: 1, max: 5000 })
  const settings = fc.constantFrom(small, large, authors, { ...small, maxTiles: 1 }, { ...small, maxTiles: 2 })

  it("the picture lies on its canvas, and what is kept on the map", () => {
    fc.assert(
      fc.property(side, side, settings, (width, height, how) => {
        const { tiles, grid, tokens } = anyresLayout({ width, height }, how)
        if (!grid?.kept) throw new Error("no map")
        const { rows, columns, fitted, left, top, kept, shrunk } = grid
        const perSide = Math.sqrt(how.tokensPerTile)
        const canvas = { width: columns * how.side, height: rows * how.side }
        expect(how.candidates).toContainEqual(canvas)
        expect(tiles).toBe(1 + rows * columns)
        expect([canvas.width - fitted.width, canvas.height - fitted.height]).toContain(0)
        for (const length of [fitted.width, fitted.height]) expect(length).toBeGreaterThanOrEqual(1)
        for (const [before, length, whole] of [
          [left, fitted.width, canvas.width],
          [top, fitted.height, canvas.height],
        ]) {
          expect(before).toBeGreaterThanOrEqual(0)
          expect(whole - before - length - before).toBeLessThanOrEqual(1)
          expect(whole - before - length).toBeGreaterThanOrEqual(before)
        }
        // Equal margins at both ends.
        expect(kept.rows + 2 * kept.top).toBe(rows * perSide)
        expect(kept.columns + 2 * kept.left).toBe(columns * perSide)
        for (const length of [kept.top, kept.left, kept.rows, kept.columns]) expect(length).toBeGreaterThanOrEqual(0)
        const map = shrunk ?? kept
        expect(tokens).toBe(how.tokensPerTile + map.rows * (map.columns + 1))
        if (shrunk) expect(map.rows * map.columns).toBeLessThanOrEqual((how.maxTiles as number) * how.tokensPerTile)
      }),
    )
  })

  it("a picture of the canvas' own size fills it", () => {
    for (const canvas of six) {
      expect(selectBestResolution(canvas, six)).toEqual(canvas)
      expect(fittedSize(canvas, canvas)).toEqual(canvas)
    }
  })

  it("is refused before its pixels are looked at where no row of its features is left", () => {
    // One row of 16 features, which are to be as few as one tile has.
    const candidates = [{ width: 16 * 56, height: 56 }]
    const thin = { ...small, tokensPerTile: 1, candidates, maxTiles: 1 }
    expect(() => anyresPieces({ width: 1600, height: 100 }, thin)).toThrow(
      /^the image \(1600 × 100\) is too thin: no row of its features is left$/,
    )
    expect(() => anyresPieces({ width: 1600, height: 100 }, { ...thin, maxTiles: 16 })).not.toThrow()
  })

  it("a number of tiles is read as it is written, and nothing else", () => {
    for (const maxTiles of [1, 9, 9999]) expect(maxTilesOf(anyresMax(maxTiles))).toBe(maxTiles)
    for (const aspect of ["anyres", "anyres_max_0", "anyres_max_04", "anyres_max_10000", "pad", 4, undefined])
      expect(maxTilesOf(aspect), String(aspect)).toBeUndefined()
  })

  it("without canvases is an error", () => {
    expect(() => anyresLayout({ width: 5, height: 5 }, { ...small, candidates: [] })).toThrow(UserError)
  })
})
