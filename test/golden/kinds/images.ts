/** Golden cases of image files: their RGB bytes, the size rule, resizing, pixels as each tower takes them. */

import { decodeImage, type RgbImage } from "../../../src/image/decode.js"
import { padToSquare, qwenImage, smartResize } from "../../../src/image/processors/qwen.js"
import { resize } from "../../../src/image/resize.js"
import { tensor } from "../../../src/torch/index.js"
import { expectEntriesNear, expectEqual, expectNear, Mismatch, sha256 } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { has, isObject, type Json, listAt, recordsWith } from "../json.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureCase, FixtureGroup, Recogniser } from "../types.js"
import { anyresCase, isAnyres, isSiglip, resolutionTable, siglipCase } from "./tiles.js"

interface ImageRecord {
  file: string
  size: [number, number]
  decoded_rgb_sha256: string
  decoded_png?: string
}
type Colour = [number, number, number]

/** One way of preparing an image; which keys there are depends on the way. */
interface QwenRecord {
  min_pixels?: number
  max_pixels?: number
  image_mean?: Colour
  image_std?: Colour
  background?: Colour
  padded_rgb_sha256?: string
  input_size?: [number, number]
  resized_size: [number, number]
  resized_rgb_sha256?: string
  grid_thw: [number, number, number]
  n_tokens?: number
  pixel_values_sha256_f32le?: string
  pixel_values?: {
    shape: [number, number]
    mean: number
    std: number
    min: number
    max: number
    first64: number[]
    last64: number[]
    sha256_f32le?: string
  }
  full_frame0?: string
}

/** Hugging Face's defaults for Qwen2.5-VL, which a column of the size table is named after. */
const HF_DEFAULT = [3136, 12845056] as const

export const recogniseImages: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "file", "decoded_rgb_sha256") as unknown as ImageRecord[]
  if (records.length === 0) return []
  const top = document.value as Json
  const decoding: FixtureCase[] = []
  const processing: FixtureCase[] = []
  const tiled: Record<"siglip" | "anyres", FixtureCase[]> = { siglip: [], anyres: [] }
  for (const record of records) {
    const picture = (): Promise<RgbImage> => folder.pictures.picture(record.file, document)
    decoding.push({ id: record.file, run: () => checkDecoding(record, document, folder) })
    for (const [key, way] of Object.entries(record)) {
      if (has(way, "grid_thw", "resized_size"))
        processing.push({
          id: `${record.file} ${key}`,
          run: () => checkQwen(record, { ...limitsOf(top), ...way } as unknown as QwenRecord, document, folder),
        })
      else if (isAnyres(way)) tiled.anyres.push(anyresCase(`${record.file} ${key}`, key, way, top.pinpoints, picture))
      else if (isSiglip(way)) tiled.siglip.push(siglipCase(`${record.file} ${key}`, way, picture))
    }
  }
  return [
    { kind: "image decoding", cases: decoding },
    { kind: "image processing, Qwen2.5-VL", cases: processing },
    ...sizeTable(top),
    { kind: "image processing, SigLIP", cases: tiled.siglip },
    { kind: "anyres tiles", cases: tiled.anyres },
    ...resolutionTable(top),
  ]
}

function limitsOf({ min_pixels, max_pixels, image_mean, image_std }: Json): Json {
  return { min_pixels, max_pixels, image_mean, image_std }
}

function sizeTable(top: Json): FixtureGroup[] {
  const { smart_resize: table } = top
  if (!isObject(table)) return []
  const factor = table.factor as number
  const limits = (name: string): readonly number[] | undefined =>
    name === "hf_default"
      ? HF_DEFAULT
      : name === "upstream"
        ? ([top.min_pixels, top.max_pixels] as number[])
        : ([top[`${name}_min_pixels`], top[`${name}_max_pixels`]] as number[])
  const cases = listAt(table, "rows").map((row): FixtureCase => {
    const [h, w] = [row.h as number, row.w as number]
    return {
      id: `${w} × ${h}`,
      run() {
        if (row.error !== undefined) {
          expectRefusal(() => smartResize(h, w, factor, ...(HF_DEFAULT as unknown as [number, number])))
          return
        }
        for (const [name, size] of Object.entries(row)) {
          if (!Array.isArray(size)) continue
          const [min, max] = limits(name) ?? []
          if (min === undefined || max === undefined)
            throw new Mismatch(`the file does not say the limits of "${name}"`)
          expectEqual(smartResize(h, w, factor, min, max), size as number[], name)
        }
      },
    }
  })
  return [{ kind: "image sizes", cases }]
}

function expectRefusal(body: () => unknown): void {
  let refused = false
  try {
    body()
  } catch {
    refused = true
  }
  expectEqual(refused, true, "refused")
}

async function checkDecoding(record: ImageRecord, document: JsonDocument, folder: FixtureFolder): Promise<void> {
  const image = await decodeImage(folder.file(record.file, document))
  expectEqual([image.width, image.height], record.size, "size")
  if (sha256(image.data) === record.decoded_rgb_sha256) return
  if (!record.decoded_png) throw new Mismatch("the decoded pixels are not the reference's")
  const reference = await decodeImage(folder.file(record.decoded_png, document))
  expectEqual(sha256(reference.data), record.decoded_rgb_sha256, "the stored decoding")
  const largest = image.data.reduce((most, value, i) => Math.max(most, Math.abs(value - reference.data[i])), 0)
  expectNear(largest, 0, TOLERANCES.decodedUnits, "largest difference of a decoded value")
}

async function checkQwen(
  record: ImageRecord,
  way: QwenRecord,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<void> {
  const picture = await folder.pictures.picture(record.file, document)
  expectEqual(sha256(picture.data), record.decoded_rgb_sha256, "decoded pixels")
  const source: RgbImage = way.background ? padToSquare(picture, way.background) : picture
  if (way.padded_rgb_sha256) expectEqual(sha256(source.data), way.padded_rgb_sha256, "padded pixels")
  if (way.input_size) expectEqual([source.width, source.height], way.input_size, "input size")
  const [width, height] = way.resized_size
  if (way.resized_rgb_sha256)
    expectEqual(sha256(resize(source, width, height).data), way.resized_rgb_sha256, "resized pixels")

  const options = {
    minPixels: way.min_pixels as number,
    maxPixels: way.max_pixels as number,
    mean: way.image_mean,
    std: way.image_std,
  }
  const { pixelValues, grid } = qwenImage(source, options)
  expectEqual(grid, way.grid_thw, "grid")
  expectEqual([14 * grid[2], 14 * grid[1]], way.resized_size, "resized size")
  if (way.n_tokens !== undefined) expectEqual((grid[0] * grid[1] * grid[2]) / 4, way.n_tokens, "tokens")
  if (way.pixel_values_sha256_f32le) expectEqual(sha256(pixelValues), way.pixel_values_sha256_f32le, "pixel values")
  if (way.pixel_values) checkPixels(pixelValues, way.pixel_values)
  if (way.full_frame0) checkFrame(pixelValues, way, folder, document)
}

function checkPixels(pixels: Float32Array, expected: NonNullable<QwenRecord["pixel_values"]>): void {
  expectEqual(pixels.length, expected.shape[0] * expected.shape[1], "number of pixel values")
  expectEntriesNear(pixels.subarray(0, 64), expected.first64, TOLERANCES.pixels, "first pixel values")
  expectEntriesNear(pixels.subarray(-64), expected.last64, TOLERANCES.pixels, "last pixel values")
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length
  const variance = pixels.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels.length
  // The reference sums in float32.
  expectNear(mean, expected.mean, 1e-5, "mean")
  expectNear(Math.sqrt(variance), expected.std, 1e-5, "standard deviation")
  expectNear(
    pixels.reduce((a, b) => Math.min(a, b)),
    expected.min,
    TOLERANCES.pixels,
    "smallest value",
  )
  expectNear(
    pixels.reduce((a, b) => Math.max(a, b)),
    expected.max,
    TOLERANCES.pixels,
    "largest value",
  )
  if (expected.sha256_f32le) expectEqual(sha256(pixels), expected.sha256_f32le, "pixel values")
}

/** The whole first frame is stored; the second is the same. */
function checkFrame(pixels: Float32Array, way: QwenRecord, folder: FixtureFolder, document: JsonDocument): void {
  const patches = way.grid_thw[0] * way.grid_thw[1] * way.grid_thw[2]
  const frames = tensor(pixels, [patches, 3, 2, 196])
  const expected = folder.tensor(way.full_frame0 as string, document).view(patches, 3, 196)
  for (const frame of [0, 1]) {
    const difference = frames.select(2, frame).sub(expected).abs().max().item()
    expectNear(difference, 0, TOLERANCES.pixels, `frame ${frame}`)
  }
}
