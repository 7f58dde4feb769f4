/** Qwen2.5-VL, and DiffusionVL made from it: two published forms of the same weights. */
import type { Layout } from "../../checkpoint/layout.js"
import { kept } from "../../checkpoint/layout.js"
import { SINGLE_FILE } from "../../checkpoint/safetensors/safetensors-index.js"
import { DIFFUSION_IMAGE } from "../../image/processors/qwen.js"
import type { Architecture } from "../architecture.js"
import { Decoder } from "../decoder/decoder.js"
import { qwenPictures } from "../vision/qwen-pictures.js"
import { Qwen25Vision, VISION } from "../vision/qwen2_5-vision.js"
import { VisionLanguageModel } from "../vision/vision-language-model.js"
import { chatOf, QWEN_VL_TYPES, type QwenVlConfig, readQwenVl, validate } from "./qwen2_5_vl-read.js"
import { toConvertedConfig, toQwenConfig, toReleasedConfig, toVisionConfigFile } from "./qwen2_5_vl-write.js"

export type Qwen25VL = VisionLanguageModel<QwenVlConfig, Qwen25Vision>

const { tower, merger } = VISION
const TEXT = ["model.embed_tokens.*", "model.layers.*", "model.norm.*", "lm_head.*"]

/** As Qwen2.5-VL is published, and as newer transformers releases save it, with one more level in the names. */
export const published: Layout = {
  name: "qwen2_5_vl",
  rules: [
    { stored: "model.language_model.*", canonical: "model.*", readOnly: true },
    { stored: "model.visual.merger.*", canonical: `${merger}.*`, readOnly: true },
    { stored: "model.visual.*", canonical: `${tower}.*`, readOnly: true },
    { stored: "visual.merger.*", canonical: `${merger}.*` },
    { stored: "visual.*", canonical: `${tower}.*` },
    ...kept(...TEXT),
  ],
  modules: [
    { stored: "model.visual.merger.*", canonical: `${merger}.*` },
    { stored: "model.visual.*", canonical: `${tower}.*` },
    ...["embed_tokens.*", "layers.*", "norm.*"].map((name) => ({
      stored: `model.language_model.${name}`,
      canonical: `model.${name}`,
    })),
    ...kept("lm_head.*"),
  ],
}

/** Trained and released DVL-QwenVL. */
export const released: Layout = {
  name: "released",
  when: `${tower}.*`,
  rules: kept(...TEXT, `${tower}.*`, `${merger}.*`),
}

const [VISION_FILE, PROJECTOR_FILE] = ["vision_tower.safetensors", "projector.safetensors"]

/** The training input of DVL-QwenVL: text, tower and merger in a file each. */
export const converted: Layout = {
  name: "converted",
  rules: [
    { stored: "*", canonical: `${tower}.*`, file: VISION_FILE },
    { stored: "*", canonical: `${merger}.*`, file: PROJECTOR_FILE },
    ...kept(...TEXT),
  ],
  beside: {
    files: [VISION_FILE, PROJECTOR_FILE],
    what: "the vision weights",
    fix: "A converted checkpoint has these files beside model.safetensors. Convert the source model again.",
  },
}

export const qwen2_5_vl: Architecture<QwenVlConfig> = {
  name: "qwen2_5_vl",
  title: "Qwen2.5-VL and DiffusionVL from it",
  modelTypes: QWEN_VL_TYPES,
  namedTokens: [
    { key: "bos_token_id", usual: 151643 },
    { key: "eos_token_id", usual: 151645 },
    { key: "pad_token_id" },
    { key: "image_token_id", usual: 151655, token: "<|image_pad|>" },
    { key: "video_token_id", usual: 151656, token: "<|video_pad|>" },
    { key: "vision_start_token_id", usual: 151652, token: "<|vision_start|>" },
    { key: "vision_end_token_id", usual: 151653, token: "<|vision_end|>" },
  ],
  read: readQwenVl,
  write: (config, dtype) =>
    config.form === "qwen2_5_vl" ? toQwenConfig(config, dtype) : toReleasedConfig(config, dtype),
  layouts: ({ form }) => (form === "qwen2_5_vl" ? [published] : [released, converted]),
  build: (config, weights, dtype): Qwen25VL => {
    const text = new Decoder(config, weights, dtype)
    return new VisionLanguageModel(config, text, new Qwen25Vision(config.vision, weights, dtype), weights)
  },

  /** The DiffusionVL form has row numbers for positions, its own conversations, and limits for pictures unless it is told others. */
  asParadigm(config, paradigm, { masks, image }) {
    const form = masks ? "diffusionvl" : "qwen2_5_vl"
    const { min_pixels: minPixels, max_pixels: maxPixels } = config.raw
    const isNamed = typeof minPixels === "number" && typeof maxPixels === "number"
    const limits = isNamed ? { minPixels, maxPixels } : form === "diffusionvl" ? DIFFUSION_IMAGE : config.image
    const target: QwenVlConfig = { ...config, form, chat: chatOf(form), paradigm, image: image ?? limits }
    validate(target)
    return target
  },

  /** The DiffusionVL form has row numbers for positions. */
  images(config, folder, limits) {
    const { positions, ...processor } = qwenPictures(config, folder, limits, 12)
    return config.form === "qwen2_5_vl" ? { ...processor, positions } : processor
  },
  converted: (config) => ({
    layout: { ...converted, rules: converted.rules.map((rule) => ({ ...rule, file: rule.file ?? SINGLE_FILE })) },
    jsonFiles: [
      { file: "vision_config.json", value: toVisionConfigFile(config) },
      { file: "config.json", value: toConvertedConfig(config) },
    ],
  }),
}
