/** config.json of Qwen2.5-VL and of the DiffusionVL models made from it, flat or nested; strict, with errors that name the key. */
import { z } from "zod"
import type { ModelConfig, TokenConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import { readParadigm } from "../../checkpoint/paradigm-record.js"
import { check } from "../../checkpoint/schema-check.js"
import { heads, layers, normEps, size, theta, token, tokens, upTo } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { pixelLimits } from "../../image/processors/pixel-limits.js"
import { DIFFUSION_IMAGE } from "../../image/processors/qwen.js"
import type { ConfigFiles, PixelLimits } from "../architecture.js"
import { type DecoderConfig, sizeKeys, validateDecoder, validateMask } from "../decoder/decoder-config.js"
import { AUTOREGRESSIVE } from "../published-paradigms.js"
import { bd3lmKeys, readBd3lm, validateBd3lm } from "./bd3lm-keys.js"
import { QWEN_MASK } from "./qwen2.js"

/** The two published forms of one architecture: the autoregressive model, and what translating makes of it. */
export type QwenVlForm = "qwen2_5_vl" | "diffusionvl"

export interface VisionConfig {
  depth: number
  hiddenSize: number
  heads: number
  intermediateSize: number
  patchSize: number
  temporalPatchSize: number
  /** Patches per side that the merger joins into one token. */
  mergeSize: number
  /** Side of an attention window in pixels. */
  windowSize: number
  fullAttentionBlocks: number[]
  outHiddenSize: number
  inChannels: number
  /** Temporal step of the M-RoPE positions; matters for video only. */
  tokensPerSecond: number
  rmsNormEps: number
}

export interface QwenVlConfig extends ModelConfig {
  form: QwenVlForm
  text: DecoderConfig & { mropeSection: [number, number, number] }
  vision: VisionConfig
  tokens: TokenConfig & { imagePad: number; videoPad: number; visionStart: number; visionEnd: number }
  /** Limits of the image area. */
  image: PixelLimits
}

const MODEL_TYPES: Record<string, QwenVlForm> = {
  qwen2_5_vl: "qwen2_5_vl",
  diffusionvl_qwenvl: "diffusionvl",
  llada_qwen: "diffusionvl",
}
export const QWEN_VL_TYPES = Object.keys(MODEL_TYPES)

const pixels = upTo(2 ** 31)
const rope = z.looseObject({
  type: z.enum(["default", "mrope"]).nullish(),
  rope_type: z.enum(["default", "mrope"]).nullish(),
  rope_theta: theta.nullish(),
  mrope_section: z.tuple([size, size, size]).nullish(),
})
const textSchema = z.looseObject({
  ...sizeKeys,
  rms_norm_eps: normEps,
  rope_scaling: rope.nullish(),
  rope_parameters: rope.nullish(),
  use_sliding_window: z.literal(false).nullish(),
  attention_dropout: z.number().min(0).max(1).nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  bos_token_id: token,
  eos_token_id: tokens.nullish(),
  pad_token_id: token,
})
// The 3B upload lists only some vision keys; the rest are the library's defaults.
const visionSchema = z.looseObject({
  depth: layers.default(32),
  hidden_size: size,
  num_heads: heads.default(16),
  intermediate_size: size.default(3420),
  patch_size: upTo(1024).default(14),
  temporal_patch_size: upTo(64).default(2),
  spatial_merge_size: upTo(64).default(2),
  window_size: size.default(112),
  fullatt_block_indexes: z.array(z.int().min(0).max(1023)).max(1024).default([7, 15, 23, 31]),
  out_hidden_size: size,
  // Pictures have three colours.
  in_channels: z.literal(3).nullish(),
  in_chans: z.literal(3).nullish(),
  tokens_per_second: z.number().min(1e-3).max(1e6).default(4),
  hidden_act: z.literal("silu").default("silu"),
})
const sharedSchema = z.looseObject({
  bos_token_id: token,
  eos_token_id: tokens.nullish(),
  pad_token_id: token,
  image_token_id: token,
  video_token_id: token,
  vision_start_token_id: token,
  vision_end_token_id: token,
  mask_token_id: token,
  tie_word_embeddings: z.boolean().nullish(),
  min_pixels: pixels.nullish(),
  max_pixels: pixels.nullish(),
  ...bd3lmKeys,
})
type Shared = z.infer<typeof sharedSchema>

/**
 * Reads config.json of every form: of transformers, converted by the authors, and released by them (reference.md, checkpoint layouts).
 * @throws UserError for values that no such model has
 */
export function readQwenVl(raw: Json, files: ConfigFiles): QwenVlConfig {
  const { where } = files
  const form = MODEL_TYPES[raw.model_type as string]
  // Where text_config exists it decides: the top level of a converted checkpoint holds the defaults of another model.
  const nested = raw.text_config != null
  const text = check(textSchema, nested ? raw.text_config : raw, nested ? "text_config" : "", where)
  const visionJson = raw.vision_config ?? files.visionConfig
  if (visionJson === undefined) throw new UserError("vision_config is missing", { where })
  const vision = visionOf(check(visionSchema, visionJson, "vision_config", where))
  const shared = check(sharedSchema, raw, "", where)
  const ties = [shared.tie_word_embeddings, text.tie_word_embeddings]
  const [first, second] = form === "qwen2_5_vl" ? ties : ties.reverse()
  const limits = form === "qwen2_5_vl" ? pixelLimits(files.imageSettings) : DIFFUSION_IMAGE
  const config: QwenVlConfig = {
    family: "qwen2_5_vl",
    form,
    text: { ...decoderOf(text, where), tie: first ?? second ?? false },
    vision,
    tokens: tokensOf(text, shared),
    chat: chatOf(form),
    paradigm: readParadigm(raw, where) ?? (form === "qwen2_5_vl" ? AUTOREGRESSIVE : readBd3lm(raw, where)),
    image: { minPixels: shared.min_pixels ?? limits.minPixels, maxPixels: shared.max_pixels ?? limits.maxPixels },
    raw,
  }
  validate(config, where)
  return config
}

export const chatOf = (form: QwenVlForm): string => (form === "qwen2_5_vl" ? "qwen2_5_vl" : "qwen_2_5")

function decoderOf(text: z.infer<typeof textSchema>, where?: string): Omit<QwenVlConfig["text"], "tie"> {
  const ropes = { ...text.rope_scaling, ...text.rope_parameters }
  if (!ropes.mrope_section)
    throw new UserError("rope_scaling.mrope_section is missing (rotary pairs for time, height and width)", { where })
  return {
    hiddenSize: text.hidden_size,
    intermediateSize: text.intermediate_size,
    layers: text.num_hidden_layers,
    heads: text.num_attention_heads,
    kvHeads: text.num_key_value_heads ?? text.num_attention_heads,
    headDim: text.head_dim ?? text.hidden_size / text.num_attention_heads,
    vocabSize: text.vocab_size,
    rmsNormEps: text.rms_norm_eps,
    biases: { qkv: true, output: false, mlp: false },
    ropeTheta: ropes.rope_theta ?? text.rope_theta ?? 1e6,
    mropeSection: ropes.mrope_section,
    maxPositions: text.max_position_embeddings ?? 32768,
  }
}

function visionOf(vision: z.infer<typeof visionSchema>): VisionConfig {
  return {
    depth: vision.depth,
    hiddenSize: vision.hidden_size,
    heads: vision.num_heads,
    intermediateSize: vision.intermediate_size,
    patchSize: vision.patch_size,
    temporalPatchSize: vision.temporal_patch_size,
    mergeSize: vision.spatial_merge_size,
    windowSize: vision.window_size,
    fullAttentionBlocks: vision.fullatt_block_indexes,
    outHiddenSize: vision.out_hidden_size,
    inChannels: vision.in_channels ?? vision.in_chans ?? 3,
    tokensPerSecond: vision.tokens_per_second,
    rmsNormEps: 1e-6, // fixed in the architecture, in no config file
  }
}

function tokensOf(text: z.infer<typeof textSchema>, shared: Shared): QwenVlConfig["tokens"] {
  const bos = text.bos_token_id ?? shared.bos_token_id
  const pad = text.pad_token_id ?? shared.pad_token_id
  const mask = shared.mask_token_id ?? (QWEN_MASK < text.vocab_size ? QWEN_MASK : undefined)
  return {
    ...(bos != null && { bos }),
    eos: [text.eos_token_id ?? shared.eos_token_id ?? 151645].flat(),
    ...(pad != null && { pad }),
    imagePad: shared.image_token_id ?? 151655, // null in some trained checkpoints
    videoPad: shared.video_token_id ?? 151656,
    visionStart: shared.vision_start_token_id ?? 151652,
    visionEnd: shared.vision_end_token_id ?? 151653,
    ...(mask !== undefined && { mask }),
  }
}

/** More pixels than any model asks for: smaller pictures would be enlarged to this. */
const LARGEST_MINIMUM = 1 << 24

/** @throws UserError for parts that do not fit each other */
export function validate({ text, vision, tokens, image, paradigm }: QwenVlConfig, where?: string): void {
  validateDecoder(text, where)
  const rules: [boolean, string][] = [
    [
      text.mropeSection.reduce((a, b) => a + b) * 2 === text.headDim,
      `mrope_section [${text.mropeSection}] does not add up to half of head_dim ${text.headDim}`,
    ],
    [
      vision.hiddenSize % (4 * vision.heads) === 0,
      `vision hidden_size ${vision.hiddenSize} does not divide into ${vision.heads} rotary heads`,
    ],
    [
      vision.outHiddenSize === text.hiddenSize,
      `vision out_hidden_size ${vision.outHiddenSize} is not the text hidden_size ${text.hiddenSize}`,
    ],
    [
      vision.fullAttentionBlocks.every((block) => block < vision.depth),
      `fullatt_block_indexes [${vision.fullAttentionBlocks}] exceed depth ${vision.depth}`,
    ],
    [
      vision.windowSize >= vision.patchSize * vision.mergeSize,
      `window_size ${vision.windowSize} is smaller than a merged patch`,
    ],
    [image.minPixels <= image.maxPixels, `min_pixels ${image.minPixels} exceeds max_pixels ${image.maxPixels}`],
    [
      image.minPixels <= LARGEST_MINIMUM,
      `min_pixels must be at most ${LARGEST_MINIMUM}, not ${image.minPixels}: every smaller picture is enlarged to it`,
    ],
  ]
  for (const [holds, sentence] of rules) if (!holds) throw new UserError(sentence, { where })
  validateBd3lm(paradigm, text.maxPositions, where)
  validateMask(tokens, text, where)
}
