/** config.json of every known layout, flat or nested, to the normalised configuration; strict, with errors that name the key. */
import fs from "node:fs"
import path from "node:path"
import type { z } from "zod"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import {
  type BlockDiffusionConfig,
  DEFAULT_MASK_TOKEN,
  DIFFUSION_IMAGE,
  type ModelConfig,
  type ModelType,
} from "./config.js"
import { sharedSchema, textSchema, visionSchema } from "./config-schema.js"
import { findImageSettings, type ImageSettings, pixelLimits } from "./image-settings.js"
import { type Json, readJsonObject, readOptionalJson } from "./json.js"
import { check } from "./schema-check.js"

export { readJsonObject } from "./json.js"

const MODEL_TYPES: Record<string, ModelType> = {
  qwen2_5_vl: "qwen2_5_vl",
  diffusionvl_qwenvl: "diffusionvl_qwenvl",
  llada_qwen: "diffusionvl_qwenvl",
}
const RECOGNISED: Record<string, string> = {
  llada: "a LLaDA language model",
  llava_llada: "a LLaDA-V model",
  llava_llada_bd3lm: "a LLaDA block-diffusion model",
  diffusionvl_qwen: "a DiffusionVL model with a SigLIP tower",
  llava_qwen: "a LLaVA model with a SigLIP tower",
  siglip: "a SigLIP vision tower",
  siglip_vision_model: "a SigLIP vision tower",
  qwen2: "a Qwen2 language model",
  llama: "a Llama language model",
}

/**
 * Reads a model folder's configuration.
 * @throws UserError for a missing or damaged config.json, an unknown model type, or a key that cannot be right.
 */
export function readConfig(folder: string): ModelConfig {
  const file = path.join(folder, "config.json")
  if (!fs.existsSync(file)) {
    const kind = fs.statSync(folder.replaceAll("\0", "\uFFFD"), { throwIfNoEntry: false })
    const what = kind?.isDirectory() ? "it has no config.json" : kind ? "it is not a folder" : "there is no such folder"
    throw new UserError(what, {
      where: folder,
      fix: "A model is a folder with config.json and weights, or a hub id such as org/name.",
    })
  }
  const optional = (name: string) => readOptionalJson(path.join(folder, name))
  return normaliseConfig(readJsonObject(file), {
    where: file,
    visionConfig: optional("vision_config.json"),
    imageSettings: findImageSettings(folder),
  })
}

/**
 * Normalises the content of config.json. `visionConfig` is vision_config.json of a converted checkpoint, used when
 * config.json has no vision_config; `imageSettings` are those of the image processor.
 */
export function normaliseConfig(
  raw: Json,
  files: { where?: string; visionConfig?: Json; imageSettings?: ImageSettings } = {},
): ModelConfig {
  const where = files.where
  const modelType = modelTypeOf(raw, where)
  if (raw.quantization_config != null)
    throw new UserError("the model is quantised, which is not supported", { where, fix: "Use the unquantised model." })
  // Where text_config exists it decides: the top level of a converted checkpoint holds the defaults of another model.
  const nested = raw.text_config != null
  const text = check(textSchema, nested ? raw.text_config : raw, nested ? "text_config" : "", where)
  const visionJson = raw.vision_config ?? files.visionConfig
  if (visionJson === undefined) throw new UserError("vision_config is missing", { where })
  const vision = normaliseVision(check(visionSchema, visionJson, "vision_config", where))
  const shared = check(sharedSchema, raw, "", where)

  const textTie = text.tie_word_embeddings as boolean | undefined
  const ties =
    modelType === "qwen2_5_vl" ? [shared.tie_word_embeddings, textTie] : [textTie, shared.tie_word_embeddings]
  const config: ModelConfig = {
    modelType,
    text: { ...normaliseText(text, where), tie: ties[0] ?? ties[1] ?? false },
    vision,
    tokens: normaliseTokens(text, shared),
    image: imageLimits(modelType, shared, files.imageSettings),
    raw,
  }
  if (modelType === "diffusionvl_qwenvl") config.blockDiffusion = normaliseBlockDiffusion(shared)
  validate(config, where)
  return config
}

/** Whether there is code for a `model_type` of config.json. */
export function isKnownModelType(name: unknown): boolean {
  return typeof name === "string" && Object.hasOwn(MODEL_TYPES, name)
}

function modelTypeOf(raw: Json, where?: string): ModelType {
  const name = raw.model_type
  const known = isKnownModelType(name) ? MODEL_TYPES[name as string] : undefined
  if (known) return known
  const supported = "Supported are qwen2_5_vl (Qwen2.5-VL) and diffusionvl_qwenvl (DiffusionVL from Qwen2.5-VL)."
  if (typeof name === "string" && Object.hasOwn(RECOGNISED, name))
    throw new UserError(`this is ${RECOGNISED[name]} (model_type "${name}"), which is not supported yet`, {
      where,
      fix: supported,
    })
  const what = name === undefined ? "config.json has no model_type" : `unknown model_type ${shown(name)}`
  throw new UserError(what, { where, fix: supported })
}

function normaliseText(text: z.infer<typeof textSchema>, where?: string): Omit<ModelConfig["text"], "tie"> {
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
    ropeTheta: ropes.rope_theta ?? text.rope_theta ?? 1e6,
    mropeSection: ropes.mrope_section,
    maxPositions: text.max_position_embeddings ?? 32768,
  }
}

function normaliseVision(vision: z.infer<typeof visionSchema>): ModelConfig["vision"] {
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

function normaliseTokens(
  text: z.infer<typeof textSchema>,
  shared: z.infer<typeof sharedSchema>,
): ModelConfig["tokens"] {
  const eos = text.eos_token_id ?? shared.eos_token_id ?? 151645
  const bos = text.bos_token_id ?? shared.bos_token_id
  const pad = text.pad_token_id ?? shared.pad_token_id
  const mask = shared.mask_token_id ?? (DEFAULT_MASK_TOKEN < text.vocab_size ? DEFAULT_MASK_TOKEN : undefined)
  return {
    ...(bos != null && { bos }),
    eos: Array.isArray(eos) ? eos[0] : eos,
    ...(pad != null && { pad }),
    imagePad: shared.image_token_id ?? 151655, // null in some trained checkpoints
    videoPad: shared.video_token_id ?? 151656,
    visionStart: shared.vision_start_token_id ?? 151652,
    visionEnd: shared.vision_end_token_id ?? 151653,
    ...(mask !== undefined && { mask }),
  }
}

function normaliseBlockDiffusion(shared: z.infer<typeof sharedSchema>): BlockDiffusionConfig {
  return {
    enabled: shared.enable_bd3lm ?? true,
    blockSize: shared.bd3lm_block_size ?? 8,
    shift: shared.bd3lm_token_shift ?? "same",
    blockAlignedEos: shared.bd3lm_block_aligned_eos ?? true,
    antitheticSampling: shared.bd3lm_antithetic_sampling ?? true,
    samplingEpsMin: shared.bd3lm_sampling_eps_min ?? 0.001,
    samplingEpsMax: shared.bd3lm_sampling_eps_max ?? 1,
  }
}

/** DiffusionVL ignores the image processor's limits; Qwen2.5-VL itself goes by them. */
function imageLimits(
  modelType: ModelType,
  shared: z.infer<typeof sharedSchema>,
  settings: ImageSettings | undefined,
): ModelConfig["image"] {
  const defaults = modelType === "qwen2_5_vl" ? pixelLimits(settings) : DIFFUSION_IMAGE
  return { minPixels: shared.min_pixels ?? defaults.minPixels, maxPixels: shared.max_pixels ?? defaults.maxPixels }
}

/** More pixels than any model asks for: smaller pictures would be enlarged to this. */
const LARGEST_MINIMUM = 1 << 24

function validate({ text, vision, tokens, image, blockDiffusion }: ModelConfig, where?: string): void {
  const rules: [boolean, string][] = [
    [
      Number.isInteger(text.headDim),
      `hidden_size ${text.hiddenSize} is not a multiple of num_attention_heads ${text.heads}`,
    ],
    [
      text.heads % text.kvHeads === 0,
      `num_attention_heads ${text.heads} is not a multiple of num_key_value_heads ${text.kvHeads}`,
    ],
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
    [
      tokens.mask === undefined || tokens.mask < text.vocabSize,
      `mask_token_id ${tokens.mask} is outside the vocabulary of ${text.vocabSize}`,
    ],
    [image.minPixels <= image.maxPixels, `min_pixels ${image.minPixels} exceeds max_pixels ${image.maxPixels}`],
    [
      image.minPixels <= LARGEST_MINIMUM,
      `min_pixels must be at most ${LARGEST_MINIMUM}, not ${image.minPixels}: every smaller picture is enlarged to it`,
    ],
    [
      blockDiffusion === undefined || blockDiffusion.blockSize <= text.maxPositions,
      `bd3lm_block_size ${blockDiffusion?.blockSize} exceeds max_position_embeddings ${text.maxPositions}`,
    ],
    [
      blockDiffusion === undefined || blockDiffusion.samplingEpsMin < blockDiffusion.samplingEpsMax,
      `bd3lm_sampling_eps_min ${blockDiffusion?.samplingEpsMin} is not below bd3lm_sampling_eps_max ${blockDiffusion?.samplingEpsMax}`,
    ],
  ]
  for (const [holds, sentence] of rules) if (!holds) throw new UserError(sentence, { where })
}
