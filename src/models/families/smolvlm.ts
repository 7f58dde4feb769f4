/** SmolVLM and Idefics3: pictures cut into tiles with texts between them, SigLIP, pixel shuffle, a Llama. */

import { z } from "zod"
import type { Layout } from "../../checkpoint/layout.js"
import { check } from "../../checkpoint/schema-check.js"
import { token } from "../../checkpoint/schema-pieces.js"
import { splitProcessor } from "../../image/processors/split.js"
import { splitSettings } from "../../image/processors/tile-settings.js"
import type { Architecture } from "../architecture.js"
import { languageRules, readLanguage, writeOuter } from "../language-inside.js"
import { requireSettings, tiledImages, tileOf } from "../vision/tiled-images.js"
import { buildTiled, type TiledConfig } from "../vision/tiled-model.js"
import { idefics3VisionRules } from "../vision/vision-layouts.js"
import { readIdefics3Vision } from "./transformers-vision.js"

const IMAGE = 128257

const layout: Layout = { name: "transformers", rules: [...idefics3VisionRules, ...languageRules("model.text_model")] }

export const smolvlm: Architecture<TiledConfig> = {
  name: "smolvlm",
  title: "SmolVLM and Idefics3",
  modelTypes: ["smolvlm", "idefics3"],
  namedTokens: [
    { key: "bos_token_id" },
    { key: "eos_token_id" },
    { key: "pad_token_id", usual: 128002 },
    { key: "image_token_id", usual: IMAGE, token: "<image>" },
  ],
  read(raw, files) {
    const language = readLanguage(raw, files, "llama")
    const { image_token_id: image } = check(z.looseObject({ image_token_id: token }), raw, "", files.where)
    return {
      ...language,
      family: "smolvlm",
      tokens: { ...language.tokens, imagePad: image ?? IMAGE },
      vision: readIdefics3Vision(raw, language.text.hiddenSize, files.where),
    }
  },
  images({ vision }, folder) {
    const { settings, pixels } = splitSettings(requireSettings(folder), tileOf(vision))
    return tiledImages((wholeOnly) => splitProcessor({ ...settings, splits: settings.splits && !wholeOnly }, pixels))
  },
  write: writeOuter,
  layouts: () => [layout],
  build: buildTiled,
}
