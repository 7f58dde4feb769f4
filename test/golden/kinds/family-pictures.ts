/** Golden cases of families' pictures and prompts: pixels as their towers take them, and the ids that pictures stand for. */

import { join } from "node:path"
import { findImageSettings } from "../../../src/checkpoint/image-settings.js"
import { readJsonObject } from "../../../src/checkpoint/json.js"
import { anyresProcessor } from "../../../src/image/anyres-tiles.js"
import type { RgbImage } from "../../../src/image/decode.js"
import { type ImagePiece, placeholders } from "../../../src/image/pieces.js"
import { pixelLimits } from "../../../src/image/pixel-limits.js"
import { prepareImage, qwenGrid } from "../../../src/image/qwen.js"
import { imageOptionsOf } from "../../../src/image/settings.js"
import { singleTileProcessor } from "../../../src/image/single-tile.js"
import { splitProcessor } from "../../../src/image/split.js"
import { llavaTokens, oneVisionSettings, singleTileSettings, splitSettings } from "../../../src/image/tile-settings.js"
import { expandText } from "../../../src/text/image-expansion.js"
import { Tokenizer } from "../../../src/text/tokenizer.js"
import { expectEntriesNear, expectEqual, Mismatch, sha256 } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { type Json, recordsWith } from "../json.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureCase, Recogniser } from "../types.js"

interface Prepared {
  pixelValues: Float32Array
  /** 0 where there are patches instead. */
  tiles: number
}

/** What golden cases say of a family: nothing here needs its tower. */
interface FamilyPictures {
  /** The token that stands for a picture in a prompt, and for each of its features. */
  placeholder: string
  pieces(image: RgbImage): ImagePiece[]
  prepare(image: RgbImage): Promise<Prepared>
}

type Numbers = Record<string, number>

const FAMILIES: Record<string, (folder: string, config: Json) => FamilyPictures> = {
  llava(folder, config) {
    const tower = towerOf(config)
    const { settings, pixels } = singleTileSettings(folder, tower)
    const classToken = (config.vision_config as Json).model_type === "clip_vision_model"
    const select = config.vision_feature_select_strategy as "default" | "full"
    const processor = singleTileProcessor(settings, pixels, llavaTokens(folder, tower, { classToken, select }))
    return tiled("<image>", processor)
  },
  llava_onevision(folder, config) {
    const model = {
      ...towerOf(config),
      pinpoints: config.image_grid_pinpoints,
      aspect: config.vision_aspect_ratio as string,
    }
    const { settings, pixels } = oneVisionSettings(folder, model)
    return tiled("<image>", anyresProcessor(settings, pixels))
  },
  smolvlm: split,
  idefics3: split,
  qwen3_vl(folder, config) {
    const { patch_size, spatial_merge_size, temporal_patch_size } = config.vision_config as Numbers
    const vision = { patchSize: patch_size, mergeSize: spatial_merge_size, temporalPatchSize: temporal_patch_size }
    const image = pixelLimits(findImageSettings(folder))
    const text = { maxPositions: (config.text_config as Numbers).max_position_embeddings }
    const options = { ...imageOptionsOf(folder, { image, vision, text }), pillow: 13 } as const
    return {
      placeholder: "<|image_pad|>",
      pieces({ width, height }) {
        const [, rows, columns] = qwenGrid(width, height, options)
        return [(rows * columns) / vision.mergeSize ** 2]
      },
      prepare: async (image) => ({ ...(await prepareImage(image, options)), tiles: 0 }),
    }
  },
}

function towerOf(config: Json): { imageSize: number; patchSize: number } {
  const { image_size, patch_size } = config.vision_config as Numbers
  return { imageSize: image_size, patchSize: patch_size }
}

function split(folder: string, config: Json): FamilyPictures {
  const { settings, pixels } = splitSettings(folder, towerOf(config), config.scale_factor as number)
  return tiled("<image>", splitProcessor(settings, pixels))
}

function tiled(
  placeholder: string,
  processor: {
    pieces(image: RgbImage): ImagePiece[]
    prepare(image: RgbImage): Promise<{ pixelValues: Float32Array; shape: number[] }>
  },
): FamilyPictures {
  return {
    placeholder,
    pieces: ({ width, height, data }) => processor.pieces({ width, height, data }),
    async prepare(image) {
      const { pixelValues, shape } = await processor.prepare(image)
      return { pixelValues, tiles: shape[0] }
    },
  }
}

function familyOf(model: ShelfModel): FamilyPictures | undefined {
  const make = Object.hasOwn(FAMILIES, model.modelType ?? "") ? FAMILIES[model.modelType as string] : undefined
  return make?.(model.folder, readJsonObject(join(model.folder, "config.json")))
}

interface PixelRecord {
  key: string
  images: string[]
  pixel_values: { shape: number[]; first16: number[]; last16: number[]; sha256_f32le?: string }
}

export const recogniseFamilyPixels: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "model", "images", "pixel_values", "features")
  const cases = records.flatMap((record): FixtureCase[] => {
    const model = folder.models.named(record.model)
    if (!model || !Object.hasOwn(FAMILIES, model.modelType ?? "")) return []
    return [
      { id: String(record.key), run: () => checkPixels(record as unknown as PixelRecord, model, folder, document) },
    ]
  })
  return cases.length === 0 ? [] : [{ kind: "image processing, families", cases }]
}

async function checkPixels(
  { images, pixel_values: want }: PixelRecord,
  model: ShelfModel,
  folder: FixtureFolder,
  document: JsonDocument,
): Promise<void> {
  const family = familyOf(model) as FamilyPictures
  const prepared: Prepared[] = []
  for (const name of images) prepared.push(await family.prepare(await folder.pictures.picture(name, document)))
  // A batch of pictures with different numbers of tiles is filled up with zeros.
  const most = want.shape.length === 5 && want.shape[0] === images.length ? want.shape[1] : 0
  const blank = ({ pixelValues, tiles }: Prepared): number => Math.max(0, most - tiles) * (pixelValues.length / tiles)
  const all = prepared.flatMap((one) => [one.pixelValues, new Float32Array(blank(one) || 0)])
  const pixels = new Float32Array(all.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const values of all) {
    pixels.set(values, at)
    at += values.length
  }
  expectEqual(
    pixels.length,
    want.shape.reduce((a, b) => a * b),
    "number of pixel values",
  )
  if (want.sha256_f32le) expectEqual(sha256(pixels), want.sha256_f32le, "pixel values")
  expectEntriesNear(pixels.subarray(0, 16), want.first16, TOLERANCES.pixels, "first pixel values")
  expectEntriesNear(pixels.subarray(-16), want.last16, TOLERANCES.pixels, "last pixel values")
}

export const recogniseFamilyPrompts: Recogniser = (document, folder) => {
  const names = new Set(folder.tensorNames(document))
  const records = recordsWith(document.value, "key", "model", "kind", "images", "prompt")
  const cases = records.flatMap((record): FixtureCase[] => {
    const model = folder.models.named(record.model)
    const known = model && Object.hasOwn(FAMILIES, model.modelType ?? "") && names.has(`${record.key}.input_ids`)
    if (!known) return []
    return [{ id: String(record.key), run: () => checkPrompt(record, model, folder, document) }]
  })
  return cases.length === 0 ? [] : [{ kind: "prompts with pictures, families", cases }]
}

async function checkPrompt(
  record: Json,
  model: ShelfModel,
  folder: FixtureFolder,
  document: JsonDocument,
): Promise<void> {
  const { placeholder, pieces } = familyOf(model) as FamilyPictures
  const images: ImagePiece[][] = []
  for (const name of record.images as string[]) images.push(pieces(await folder.pictures.picture(name, document)))
  const tokenizer = Tokenizer.load(model.folder)
  const prompt = withOneEach(String(record.prompt), placeholder, images)
  const ids = tokenizer.encode(expandText(prompt, images, placeholder), { special: true })
  const want = folder.tensor(`${record.key}.input_ids`, document).toNumbers()
  expectEqual(ids, want, "ids")
  const features = ids.filter((id) => id === tokenizer.require(placeholder)).length
  expectEqual(
    features,
    images.reduce((sum, one) => sum + placeholders(one), 0),
    "tokens of features",
  )
}

/** Some prompts were written down after their placeholders had been repeated in place. */
function withOneEach(prompt: string, placeholder: string, images: readonly ImagePiece[][]): string {
  const found = prompt.split(placeholder).length - 1
  if (found === images.length) return prompt
  let text = prompt
  for (const pieces of images) {
    const run = placeholder.repeat(placeholders(pieces))
    if (!text.includes(run)) throw new Mismatch(`the prompt has no run of ${placeholders(pieces)} placeholders`)
    text = text.replace(run, "\0")
  }
  return text.replaceAll("\0", placeholder)
}
