/** Pictures of golden cases as a model's own processor prepares them. */

import type { ModelConfig } from "../../src/checkpoint/config.js"
import type { Model } from "../../src/models/registry.js"
import type { ImageInput } from "../../src/models/types.js"
import { imageProcessorOf, requireImages } from "../../src/models/vision/images.js"
import type { FixtureFolder, JsonDocument } from "./folder.js"
import { type Grid, limitsOf } from "./image-pads.js"
import { namesOf } from "./json.js"
import type { ShelfModel } from "./models.js"

export interface PicturesRecord {
  images?: string[] | null
  image_grid_thw?: Grid[] | null
}

/** Each by itself, as the cases were made: by the settings in the model's folder; for Qwen2.5-VL by limits that give the grids of the record. */
export async function modelPictures(
  { images, image_grid_thw: grids }: PicturesRecord,
  model: Model,
  { folder: settings }: ShelfModel,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<ImageInput[]> {
  const names = namesOf(images)
  if (names.length === 0) return []
  if (model.config.family === "qwen2_5_vl")
    return folder.pictures.fitting(names, document, limitsOf(model), grids ?? [])
  return picturesOf(names, model.config, settings, document, folder)
}

/** Pictures by name, each prepared by itself as the settings in `settings`, the model's folder, say. */
export async function picturesOf(
  names: readonly string[],
  config: ModelConfig,
  settings: string,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<ImageInput[]> {
  const processor = requireImages(imageProcessorOf(config, settings))
  const prepared: ImageInput[] = []
  for (const name of names)
    prepared.push(await processor.prepare(await folder.pictures.picture(name, document), { among: 1 }))
  return prepared
}

/** As the authors train: several pictures are not tiled, and of one only the small copy of the whole is left (Q1). */
export async function trainingPictures(
  samples: readonly (readonly string[])[],
  model: Model,
  { folder: settings }: ShelfModel,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<ImageInput[]> {
  const processor = imageProcessorOf(model.config, settings)
  const prepared: ImageInput[] = []
  for (const names of samples)
    for (const name of names) {
      const picture = await folder.pictures.picture(name, document)
      prepared.push(await requireImages(processor).prepare(picture, { among: names.length, wholeOnly: true }))
    }
  return prepared
}
