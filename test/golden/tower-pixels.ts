/** Pictures of golden cases as the authors' code prepares them, by the keys of config.json. */

import type { Json } from "../../src/checkpoint/json.js"
import { anyresTiles } from "../../src/image/processors/anyres-tiles.js"
import { AUTHORS_PIXELS, authorsSettings } from "../../src/image/processors/authors-settings.js"
import type { RgbImage } from "../../src/image/rgb.js"
import { finish } from "../../src/in-turns.js"
import type { TowerConfig } from "../../src/models/towers/tower.js"
import type { TiledImage } from "../../src/models/vision/tiled-vision.js"

export function authorsTiles(picture: RgbImage, raw: Json, { tileSize, grid }: TowerConfig): TiledImage {
  const [rows, columns] = grid
  const settings = authorsSettings(raw, { imageSize: tileSize, tokens: rows * columns })
  const { pixelValues, layout } = finish(anyresTiles(picture, settings, AUTHORS_PIXELS))
  return { pixelValues, arrangement: layout, pieces: [layout.tokens] }
}
