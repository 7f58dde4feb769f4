/** Golden cases of towers and connectors: features of pictures in tiles and of Qwen3-VL, and what becomes of them in the sequence. */

import { join } from "node:path"
import { type Json, readJsonObject } from "../../../src/checkpoint/json.js"
import { finish } from "../../../src/in-turns.js"
import { cat, noGrad, type Tensor, tensor, tidy } from "../../../src/torch/index.js"
import { expectEqual, expectTensorNear, Mismatch } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { recordsWith } from "../json.js"
import { picturesOf } from "../model-pictures.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import { authorsTiles } from "../tower-pixels.js"
import type { FixtureGroup, Recogniser } from "../types.js"
import { openAuthorsVision } from "../vision-parts.js"

/** Pictures through a family's tower, with the tensors that are stored of them. */
interface FamilyRecord {
  key: string
  model: string
  images: string[]
  features: Record<string, number[]>
}
/** One picture through SigLIP in the authors' code; how it was cut stands in `mode`. */
interface AuthorsRecord {
  key: string
  image: string
  mode: "single" | "padded" | "anyres"
  tiles: number
  n_tokens: number
}

/** Types of models that the authors' code has a tower of tiles for. */
const AUTHORS = ["diffusionvl_qwen", "llava_qwen", "llava_llada", "llava_llada_bd3lm"]

export const recogniseTowers: Recogniser = (document, folder) => {
  const families = recordsWith(
    document.value,
    "key",
    "model",
    "images",
    "pixel_values",
    "features",
  ) as unknown[] as FamilyRecord[]
  const authors = recordsWith(document.value, "key", "image", "mode", "n_tokens") as unknown[] as AuthorsRecord[]
  const groups = families.map((record): FixtureGroup => {
    const model = folder.models.named(record.model)
    const kind = `vision features, ${model?.modelType ?? record.model}`
    if (model && !model.supported) return { kind, skipped: 1 }
    return { kind, cases: [{ id: record.key, run: () => checkFamily(record, model, document, folder) }] }
  })
  const cases = authors.map((record) => ({ id: record.key, run: () => checkAuthors(record, document, folder) }))
  return authors.length > 0 ? [...groups, { kind: "vision features, SigLIP", cases }] : groups
}

/** The tensors of a record by what they are. */
function storedOf(key: string, document: JsonDocument, folder: FixtureFolder): Map<string, Tensor> {
  const names = folder.tensorNames(document).filter((name) => name.startsWith(`${key}.`))
  if (names.length === 0) throw new Mismatch(`no tensors of ${key} are stored`)
  return new Map(names.map((name) => [name.slice(key.length + 1), folder.tensor(name, document)]))
}

async function checkFamily(
  record: FamilyRecord,
  named: ShelfModel | undefined,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<void> {
  if (!named) throw new Mismatch(`the folder has no model ${record.model}`)
  const stored = storedOf(record.key, document, folder)
  const pictures = await picturesOf(record.images, folder.models.config(named), named.folder, document, folder)
  await folder.models.checkAnyReading(named, (model) =>
    noGrad(() =>
      tidy(() => {
        const features = cat(model.encodeImages(pictures))
        for (const [name, expected] of stored)
          expectTensorNear(partOf(features, name, expected), expected, TOLERANCES.features, name)
      }),
    ),
  )
}

/**
 * What a stored tensor is of: `merged` and `projected` stand in the sequence ([tiles, tokens, H] where tiles are not merged), `deepstackN`
 * stands beside them.
 */
function partOf(features: Tensor, name: string, { shape, rank }: Tensor): Tensor {
  const width = shape[rank - 1]
  const layer = /^deepstack(\d+)$/.exec(name)?.[1]
  if (layer === undefined && name !== "projected" && name !== "merged")
    throw new Mismatch(`there is no way to compute ${name}`)
  const rows = features.narrow(1, layer === undefined ? 0 : (1 + Number(layer)) * width, width)
  return rank === 3 ? rows.reshape(shape[0], -1, width) : rows
}

async function checkAuthors(record: AuthorsRecord, document: JsonDocument, folder: FixtureFolder): Promise<void> {
  const picture = await folder.pictures.picture(record.image, document)
  const stored = storedOf(record.key, document, folder)
  const candidates = folder.models.models.filter(({ modelType }) => AUTHORS.includes(modelType ?? ""))
  folder.models.checkAny(candidates, (model) => {
    const { vision, config } = openAuthorsVision(model.folder, folder.root)
    const raw = readJsonObject(join(model.folder, "config.json"))
    const cut = authorsTiles(picture, { ...raw, ...aspectOf(record, raw) }, config.tower)
    const side = config.tower.tileSize
    expectEqual(cut.pixelValues.length, record.tiles * 3 * side * side, "pixels of tiles")
    expectEqual(cut.pieces, [record.n_tokens], "rows")
    noGrad(() =>
      tidy(() => {
        const features = finish(vision.tower.forwardInPieces(tensor(cut.pixelValues, [record.tiles, 3, side, side])))
        const projected = vision.connector.forward(features)
        const results: Record<string, Tensor> = {
          features,
          projected,
          projected_tile0: projected.narrow(0, 0, 1),
          merged_tokens: vision.merge([projected], [cut])[0],
        }
        for (const [name, expected] of stored) {
          if (!results[name]) throw new Mismatch(`there is no way to compute ${record.key}.${name}`)
          const whole = results[name]
          // Of many tiles only the first are stored.
          const first = whole.rank === 3 ? whole.narrow(0, 0, Math.min(whole.shape[0], expected.shape[0])) : whole
          expectTensorNear(first, expected, TOLERANCES.features, name)
        }
      }),
    )
  })
}

const aspectOf = ({ mode }: AuthorsRecord, raw: Json): Json =>
  mode === "anyres"
    ? { image_aspect_ratio: raw.image_aspect_ratio }
    : { image_aspect_ratio: mode === "padded" ? "pad" : "square" }
