/** Golden cases of tiles: SigLIP's pictures, the authors' anyres, the sizes and counts that follow from a picture's size. */

import type { RgbImage } from "../../../src/image/decode.js"
import type { PictureSize } from "../../../src/image/picture-size.js"
import { type AnyresSettings, anyresLayout, selectBestResolution } from "../../../src/image/processors/anyres.js"
import { anyresTiles } from "../../../src/image/processors/anyres-tiles.js"
import { AUTHORS_PIXELS } from "../../../src/image/processors/authors-settings.js"
import { finish } from "../../../src/in-turns.js"
import { expectEntriesNear, expectEqual, expectNear, Mismatch, sha256 } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { has, type Json, listAt } from "../json.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureCase, FixtureGroup } from "../types.js"

/** Pixels of a tile and of a patch: SigLIP2-so400m's, which all the authors' models have. */
const [SIDE, PATCH] = [384, 14]

interface SiglipRecord {
  background?: number[]
  resized_rgb_sha256?: string
  pixel_values?: { shape: number[]; first64: number[]; last64: number[]; sha256_f32le?: string }
  pixel_values_sha256_f32le?: string
}
interface AnyresRecord {
  best_resolution: [number, number]
  grid_w_h: [number, number]
  fitted_size: [number, number]
  paste_offset: [number, number]
  tile_rgb_sha256: string[]
  pixel_values_sha256_f32le?: string
  unpadded_map: [number, number]
  resized_map: [number, number]
  interpolated: boolean
  n_tokens_total: number
}

const settings = (aspect: AnyresSettings["aspect"], pinpoints: unknown = [], maxTiles?: number): AnyresSettings => ({
  side: SIDE,
  tokensPerTile: Math.floor(SIDE / PATCH) ** 2,
  aspect,
  candidates: (pinpoints as [number, number][]).map(([width, height]) => ({ width, height })),
  merge: "spatial_unpad",
  ...(maxTiles !== undefined && { maxTiles }),
})

const UNCHANGED = { ...AUTHORS_PIXELS, rescaleFactor: 1, mean: [0, 0, 0], std: [1, 1, 1] }

/** Ways of preparing one picture that are tiles. */
export const isSiglip = (way: unknown): boolean =>
  has(way, "resized_rgb_sha256") && !has(way, "grid_thw") && (has(way, "pixel_values") || has(way, "background"))
export const isAnyres = (way: unknown): boolean => has(way, "tile_rgb_sha256")

/** @param picture the decoded picture */
export function siglipCase(id: string, way: unknown, picture: () => Promise<RgbImage>): FixtureCase {
  return { id, run: async () => checkSiglip(await picture(), way as SiglipRecord) }
}

function checkSiglip(image: RgbImage, way: SiglipRecord): void {
  const how = settings(way.background ? "pad" : "square")
  if (way.background) expectEqual([127, 127, 127], way.background, "background")
  const { pixelValues, shape } = finish(anyresTiles(image, how, AUTHORS_PIXELS))
  const bytes = finish(
    anyresTiles(image, how, { ...UNCHANGED, mean: way.background ? AUTHORS_PIXELS.mean : [0, 0, 0] }),
  )
  if (way.resized_rgb_sha256 && !way.background)
    expectEqual(sha256(rows(bytes.pixelValues, 0)), way.resized_rgb_sha256, "resized pixels")
  const digest = way.pixel_values?.sha256_f32le ?? way.pixel_values_sha256_f32le
  if (digest) expectEqual(sha256(pixelValues), digest, "pixel values")
  if (!way.pixel_values) return
  expectEqual(shape, way.pixel_values.shape, "shape")
  expectEntriesNear(pixelValues.subarray(0, 64), way.pixel_values.first64, TOLERANCES.pixels, "first pixel values")
  expectEntriesNear(pixelValues.subarray(-64), way.pixel_values.last64, TOLERANCES.pixels, "last pixel values")
}

/** A tile's values as bytes, [height, width, 3]. */
function rows(values: Float32Array, tile: number): Uint8Array {
  const area = SIDE * SIDE
  const bytes = new Uint8Array(3 * area)
  let at = tile * bytes.length
  for (let channel = 0; channel < 3; channel++) for (let i = channel; i < bytes.length; i += 3) bytes[i] = values[at++]
  return bytes
}

/** @param key names how many tiles the map of features is shrunk to: anyres_max_4 */
export function anyresCase(
  id: string,
  key: string,
  way: unknown,
  pinpoints: unknown,
  picture: () => Promise<RgbImage>,
): FixtureCase {
  const most = Number(/\d+$/.exec(key)?.[0])
  return {
    id,
    run: async () =>
      checkAnyres(await picture(), way as AnyresRecord, settings("anyres", pinpoints, most > 0 ? most : undefined)),
  }
}

function checkAnyres(image: RgbImage, way: AnyresRecord, how: AnyresSettings): void {
  const { layout, pixelValues } = finish(anyresTiles(image, how, AUTHORS_PIXELS))
  const { grid } = layout
  if (!grid?.kept) throw new Mismatch("the picture was not tiled")
  const { width, height } = selectBestResolution(image, how.candidates)
  expectEqual([width, height], way.best_resolution, "best resolution")
  expectEqual([grid.columns, grid.rows], way.grid_w_h, "grid")
  expectEqual([grid.fitted.width, grid.fitted.height], way.fitted_size, "fitted size")
  expectEqual([grid.left, grid.top], way.paste_offset, "offset")
  expectEqual([grid.kept.rows, grid.kept.columns], way.unpadded_map, "unpadded map")
  const map = grid.shrunk ?? grid.kept
  expectEqual([map.rows, map.columns], way.resized_map, "resized map")
  expectEqual(grid.shrunk !== undefined, way.interpolated, "interpolated")
  expectEqual(layout.tokens, way.n_tokens_total, "tokens")
  expectEqual(layout.tiles, way.tile_rgb_sha256.length, "tiles")
  const bytes = finish(anyresTiles(image, how, UNCHANGED)).pixelValues
  for (const [i, digest] of way.tile_rgb_sha256.entries()) expectEqual(sha256(rows(bytes, i)), digest, `tile ${i}`)
  if (way.pixel_values_sha256_f32le) expectEqual(sha256(pixelValues), way.pixel_values_sha256_f32le, "pixel values")
}

/** A table of sizes and the canvas each is put on. */
export function resolutionTable(top: Json): FixtureGroup[] {
  const cases = listAt(top, "select_best_resolution")
    .filter((row) => has(row, "w", "h", "best"))
    .map((row): FixtureCase => {
      const size = { width: row.w, height: row.h } as PictureSize
      return {
        id: `${size.width} × ${size.height}`,
        run() {
          const { width, height } = selectBestResolution(size, settings("anyres", top.pinpoints).candidates)
          expectEqual([width, height], row.best as number[], "best resolution")
        },
      }
    })
  return cases.length === 0 ? [] : [{ kind: "anyres resolutions", cases }]
}

/** Tiles and tokens of records of SigLIP features: what is before the tower and behind the connector. */
export function siglipCounts(records: readonly Json[], folder: FixtureFolder, document: JsonDocument): FixtureGroup[] {
  const pinpoints = folder.documents
    .map(({ value }) => (has(value, "pinpoints") ? value.pinpoints : undefined))
    .find(Array.isArray)
  const cases = records
    .filter((record) => has(record, "image", "mode", "tiles", "n_tokens"))
    .map(
      (record): FixtureCase => ({
        id: String(record.key),
        async run() {
          const image = await folder.pictures.picture(String(record.image), document)
          const how = record.mode === "anyres" ? settings("anyres", pinpoints, 4) : settings("square")
          const layout = anyresLayout(image, how)
          expectNear(layout.tiles, record.tiles as number, 0, "tiles")
          expectNear(layout.tokens, record.n_tokens as number, 0, "tokens")
          const { pixelValues } = finish(anyresTiles(image, how, AUTHORS_PIXELS))
          if (typeof record.pixel_values_sha256_f32le === "string")
            expectEqual(sha256(pixelValues), record.pixel_values_sha256_f32le, "pixel values")
        },
      }),
    )
  return cases.length === 0 ? [] : [{ kind: "anyres counts", cases }]
}
