/** Qwen3-VL: Qwen3 with positions on three axes that take turns, and a tower that adds to its first layers (DeepStack). */

import { z } from "zod"
import type { TokenConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import type { Layout } from "../../checkpoint/layout.js"
import { readParadigm } from "../../checkpoint/paradigm-record.js"
import { check } from "../../checkpoint/schema-check.js"
import { size, token } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { pixelLimits } from "../../image/processors/pixel-limits.js"
import { CURRENT_PILLOW } from "../../image/resize.js"
import { shown } from "../../readable.js"
import type { Architecture, PixelLimits } from "../architecture.js"
import { Decoder } from "../decoder/decoder.js"
import { type DecoderConfig, readDecoder, validateMask } from "../decoder/decoder-config.js"
import { languageRules, type OuterConfig, writeOuter } from "../language-inside.js"
import { AUTOREGRESSIVE } from "../published-paradigms.js"
import { type Qwen3VisionConfig, readQwen3Vision } from "../towers/qwen3-config.js"
import { qwenPictures } from "../vision/qwen-pictures.js"
import { Qwen3Vision } from "../vision/qwen3-vision.js"
import { VisionLanguageModel } from "../vision/vision-language-model.js"
import { qwen3VisionRules } from "../vision/vision-layouts.js"
import { QWEN3_FACTS } from "./qwen3.js"

export interface Qwen3VlConfig extends OuterConfig {
  text: DecoderConfig & { mropeSection: [number, number, number] }
  vision: Qwen3VisionConfig
  /** Limits of the image area. */
  image: PixelLimits
  tokens: TokenConfig & { imagePad: number; videoPad: number; visionStart: number; visionEnd: number }
}

/** What text_config may call itself. */
const LANGUAGE = ["qwen3_vl_text", "qwen3"]

const schema = z.looseObject({
  vision_config: z.looseObject({}).default({}),
  image_token_id: token,
  video_token_id: token,
  vision_start_token_id: token,
  vision_end_token_id: token,
})
const ropeSchema = z.looseObject({
  mrope_section: z.tuple([size, size, size]).default([24, 20, 20]),
  mrope_interleaved: z.literal(true).nullish(),
})

const layout: Layout = {
  name: "transformers",
  rules: [...qwen3VisionRules, ...languageRules("model.language_model")],
}

export const qwen3_vl: Architecture<Qwen3VlConfig> = {
  name: "qwen3_vl",
  title: "Qwen3-VL",
  modelTypes: ["qwen3_vl"],
  namedTokens: [
    { key: "bos_token_id" },
    { key: "eos_token_id" },
    { key: "pad_token_id" },
    { key: "image_token_id", usual: 151655, token: "<|image_pad|>" },
    { key: "video_token_id", usual: 151656, token: "<|video_pad|>" },
    { key: "vision_start_token_id", usual: 151652, token: "<|vision_start|>" },
    { key: "vision_end_token_id", usual: 151653, token: "<|vision_end|>" },
  ],
  read(raw, { where, imageSettings }) {
    if (raw.text_config == null)
      throw new UserError("text_config is missing: it describes the language model", { where })
    const { model_type: type } = raw.text_config as Json
    if (type != null && !LANGUAGE.some((known) => known === type))
      throw new UserError(`text_config.model_type is ${shown(type)}, not ${LANGUAGE[0]}`, { where })
    const { text, tokens, json } = readDecoder(raw, { ...QWEN3_FACTS, theta: 5e6, maxPositions: 128000 }, where)
    const outer = check(schema, raw, "", where)
    const ropes = { ...json.rope_scaling, ...json.rope_parameters }
    const { mrope_section: mropeSection } = check(ropeSchema, ropes, "text_config.rope_scaling", where)
    const vision = readQwen3Vision(outer.vision_config, { key: "vision_config", where })
    const config: Qwen3VlConfig = {
      family: "qwen3_vl",
      language: "qwen3",
      text: { ...text, mropeSection, mropeInterleaved: true, deepstackLayers: vision.deepstackLayers.length },
      vision,
      image: pixelLimits(imageSettings),
      tokens: {
        ...tokens,
        imagePad: outer.image_token_id ?? 151655,
        videoPad: outer.video_token_id ?? 151656,
        visionStart: outer.vision_start_token_id ?? 151652,
        visionEnd: outer.vision_end_token_id ?? 151653,
      },
      chat: "template",
      paradigm: readParadigm(raw, where) ?? AUTOREGRESSIVE,
      raw,
    }
    validate(config, where)
    return config
  },
  images: (config, folder, limits) => qwenPictures(config, folder, limits, CURRENT_PILLOW),
  write: writeOuter,
  layouts: () => [layout],
  build(config, weights, dtype) {
    const text = new Decoder(config, weights, dtype)
    return new VisionLanguageModel(config, text, new Qwen3Vision(config.vision, weights, dtype), weights)
  },
}

function validate({ text, vision, tokens }: Qwen3VlConfig, where?: string): void {
  const rules: [boolean, string][] = [
    [
      text.mropeSection.reduce((a, b) => a + b) * 2 === text.headDim,
      `mrope_section [${text.mropeSection}] does not add up to half of head_dim ${text.headDim}`,
    ],
    [
      vision.outHiddenSize === text.hiddenSize,
      `vision_config.out_hidden_size ${vision.outHiddenSize} is not text_config.hidden_size ${text.hiddenSize}`,
    ],
    [
      vision.deepstackLayers.length <= text.layers,
      `deepstack_visual_indexes names ${vision.deepstackLayers.length} layers, more than the language model's ${text.layers}`,
    ],
  ]
  for (const [holds, sentence] of rules) if (!holds) throw new UserError(sentence, { where })
  validateMask(tokens, text, where)
}
