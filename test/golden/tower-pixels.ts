/** Pictures of golden cases, prepared as the models they go to have them prepared. */

import { join } from "node:path"
import { findImageSettings } from "../../src/checkpoint/image-settings.js"
import type { Json } from "../../src/checkpoint/json.js"
import { anyresTiles } from "../../src/image/anyres-tiles.js"
import { AUTHORS_PIXELS, authorsSettings } from "../../src/image/authors-settings.js"
import { pixelLimits } from "../../src/image/pixel-limits.js"
import { qwenImage } from "../../src/image/qwen.js"
import type { RgbImage } from "../../src/image/rgb.js"
import { imageOptionsOf } from "../../src/image/settings.js"
import { singleTile } from "../../src/image/single-tile.js"
import { splitTiles } from "../../src/image/split.js"
import { oneVisionSettings, singleTileSettings, splitSettings } from "../../src/image/tile-settings.js"
import { finish } from "../../src/in-turns.js"
import type { QwenImageInput } from "../../src/models/qwen2_5-vision.js"
import type { TiledImage } from "../../src/models/tiled-vision.js"
import { readQwen3Vision } from "../../src/models/towers/qwen3-config.js"
import type { TowerConfig } from "../../src/models/towers/tower.js"
import { Mismatch } from "./check.js"

/** A picture in tiles; `tokens` where the processor tells them. */
export type Tiles = TiledImage

interface VisionJson {
  image_size: number
  patch_size: number
}

/** LLaVA's, LLaVA-OneVision's and SmolVLM's pictures. */
export function tilesOf(picture: RgbImage, folder: string, raw: Json): Tiles {
  const { image_size: imageSize, patch_size: patchSize } = raw.vision_config as VisionJson
  const tower = { imageSize, patchSize }
  switch (raw.model_type) {
    case "llava": {
      const { settings, pixels } = singleTileSettings(folder, tower)
      return { ...finish(singleTile(picture, settings, pixels)), pieces: [] }
    }
    case "llava_onevision": {
      const { image_grid_pinpoints: pinpoints, vision_aspect_ratio: aspect } = raw
      const { settings, pixels } = oneVisionSettings(folder, { ...tower, pinpoints, aspect: String(aspect) })
      const { pixelValues, layout } = finish(anyresTiles(picture, settings, pixels))
      return { pixelValues, arrangement: layout, pieces: [layout.tokens] }
    }
    case "smolvlm":
    case "idefics3": {
      const { settings, pixels } = splitSettings(folder, tower, (raw.scale_factor as number) ?? 2)
      const { pixelValues } = finish(splitTiles(picture, settings, pixels))
      return { pixelValues, pieces: [] }
    }
    default:
      throw new Mismatch(`there is no way to prepare pictures of ${raw.model_type}`)
  }
}

/** The authors' pictures, by the keys of config.json. */
export function authorsTiles(picture: RgbImage, raw: Json, { tileSize, raw: tower }: TowerConfig): Tiles {
  const settings = authorsSettings(raw, { imageSize: tileSize, patchSize: (tower as unknown as VisionJson).patch_size })
  const { pixelValues, layout } = finish(anyresTiles(picture, settings, AUTHORS_PIXELS))
  return { pixelValues, arrangement: layout, pieces: [layout.tokens] }
}

export function qwen3Pixels(picture: RgbImage, folder: string, raw: Json): QwenImageInput {
  const vision = readQwen3Vision(raw.vision_config as Json, { at: "vision_config", where: join(folder, "config.json") })
  const image = pixelLimits(findImageSettings(folder))
  const text = { maxPositions: Number.MAX_SAFE_INTEGER }
  // The families' cases were made with Pillow 13, which resizes in another order of passes.
  return qwenImage(picture, { ...imageOptionsOf(folder, { image, vision, text }), pillow: 13 })
}
