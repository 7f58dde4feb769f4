/** Qwen2.5-VL, and DiffusionVL made from it: two published forms of the same weights. */
import type { Layout } from "../../checkpoint/layout.js"
import { kept } from "../../checkpoint/layout.js"
import { SINGLE_FILE } from "../../checkpoint/safetensors-index.js"
import { DIFFUSION_IMAGE, prepareImage, qwenGrid } from "../../image/qwen.js"
import { imageOptionsOf } from "../../image/settings.js"
import { imageTokens } from "../../image/size.js"
import type { Architecture, ImageProcessor, PixelLimits } from "../architecture.js"
import { mropePositions } from "../mrope-positions.js"
import { Qwen25VL } from "../qwen2_5_vl.js"
import { type QwenImageInput, VISION } from "../qwen2_5-vision.js"
import { chatOf, QWEN_VL_TYPES, type QwenVlConfig, readQwenVl, validate } from "./qwen2_5_vl-read.js"
import { toConvertedConfig, toQwenConfig, toReleasedConfig, toVisionConfigFile } from "./qwen2_5_vl-write.js"

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
  build: (config, weights, dtype) => new Qwen25VL(config, weights, dtype),

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

  images: (config, folder, limits) => processorOf(config, folder, limits),
  converted: (config) => ({
    layout: { ...converted, rules: converted.rules.map((rule) => ({ ...rule, file: rule.file ?? SINGLE_FILE })) },
    jsonFiles: [
      { file: "vision_config.json", value: toVisionConfigFile(config) },
      { file: "config.json", value: toConvertedConfig(config) },
    ],
  }),
}

function processorOf(config: QwenVlConfig, folder: string | undefined, limits: Partial<PixelLimits>): ImageProcessor {
  const options = imageOptionsOf(folder, config, limits)
  const { mergeSize } = config.vision
  return {
    tokens(width, height, pad = false) {
      const rows = imageTokens({ width, height }, pad ? "pad" : "native", options)
      if (!pad) qwenGrid(width, height, options)
      return rows
    },
    prepare: (image, pad) => prepareImage(image, options, pad),
    ...(config.form === "qwen2_5_vl" && {
      positions: (ids, images) =>
        mropePositions(
          ids,
          images.map((image) => (image as QwenImageInput).grid),
          mergeSize,
        ),
    }),
  }
}
