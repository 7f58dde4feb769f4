/** LLaVA-1.5 and LLaVA-OneVision, in transformers' form: any language model, any tower of square tiles, an MLP between them. */

import { z } from "zod"
import type { Json } from "../../checkpoint/json.js"
import type { Layout } from "../../checkpoint/layout.js"
import { check } from "../../checkpoint/schema-check.js"
import { token } from "../../checkpoint/schema-pieces.js"
import { anyresProcessor } from "../../image/processors/anyres-tiles.js"
import { singleTileProcessor } from "../../image/processors/single-tile.js"
import { oneVisionSettings, requireLlavaCount, singleTileSettings } from "../../image/processors/tile-settings.js"
import type { Architecture, ImageProcessor } from "../architecture.js"
import { languageRules, readLanguage, writeOuter } from "../language-inside.js"
import { requireSettings, tiledImages, tileOf } from "../vision/tiled-images.js"
import { buildTiled, type TiledConfig } from "../vision/tiled-model.js"
import type { TiledVisionConfig } from "../vision/tiled-vision.js"
import { llavaVisionRules } from "../vision/vision-layouts.js"
import { readLlavaOnevisionVision, readLlavaVision } from "./transformers-vision.js"

const tokenSchema = z.looseObject({ image_token_index: token, image_token_id: token })

const layoutOf = ({ vision }: TiledConfig): Layout => ({
  name: "transformers",
  rules: [...llavaVisionRules("", vision.connector), ...languageRules("language_model.model")],
  modules: [...llavaVisionRules("model.", vision.connector), ...languageRules("model.language_model")],
})

/** @param image id that stands for a picture where the file names none */
function llavaFamily(
  name: string,
  title: string,
  image: number,
  usual: string,
  readVision: (raw: Json, hiddenSize: number, where?: string) => TiledVisionConfig,
  images: (config: TiledConfig, folder: string) => ImageProcessor,
): Architecture<TiledConfig> {
  return {
    name,
    title,
    modelTypes: [name],
    namedTokens: [
      { key: "bos_token_id" },
      { key: "eos_token_id" },
      { key: "pad_token_id" },
      { key: "image_token_index", usual: image, token: "<image>" },
    ],
    read(raw, files) {
      const language = readLanguage(raw, files, usual)
      const { image_token_index: index, image_token_id: id } = check(tokenSchema, raw, "", files.where)
      return {
        ...language,
        family: name,
        tokens: { ...language.tokens, imagePad: index ?? id ?? image },
        vision: readVision(raw, language.text.hiddenSize, files.where),
      }
    },
    images: (config, folder) => images(config, requireSettings(folder)),
    write: writeOuter,
    layouts: (config) => [layoutOf(config)],
    build: buildTiled,
  }
}

/** One tile, of which every picture takes the same number of tokens. */
function wholePictures({ vision }: TiledConfig, folder: string): ImageProcessor {
  const { imageSize, tokens } = tileOf(vision)
  const { settings, pixels } = singleTileSettings(folder, { imageSize })
  const { grid, classTokens } = vision.tower
  const select = vision.selection.skipFirst ? "default" : "full"
  requireLlavaCount(folder, { imageSize, grid, classToken: classTokens > 0, select })
  return tiledImages(singleTileProcessor(settings, pixels, tokens))
}

function anyresPictures({ vision, raw }: TiledConfig, folder: string): ImageProcessor {
  const model = { ...tileOf(vision), pinpoints: raw.image_grid_pinpoints, maxTiles: vision.merge.maxTiles! }
  const { settings, pixels } = oneVisionSettings(folder, model)
  return tiledImages(
    (wholeOnly) => anyresProcessor({ ...settings, wholeOnly }, pixels),
    ({ layout }) => layout,
  )
}

export const llava = llavaFamily("llava", "LLaVA-1.5", 32000, "llama", readLlavaVision, wholePictures)
export const llava_onevision = llavaFamily(
  "llava_onevision",
  "LLaVA-OneVision",
  151646,
  "qwen2",
  readLlavaOnevisionVision,
  anyresPictures,
)
