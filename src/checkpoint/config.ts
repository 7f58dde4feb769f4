/** The normalised model configuration: one plain shape for every config.json this project reads. Knows no tensors. */

import { UserError } from "../errors.js"

export type ModelType = "qwen2_5_vl" | "diffusionvl_qwenvl"

export interface TextConfig {
  hiddenSize: number
  intermediateSize: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  vocabSize: number
  /** The head is the embedding matrix; no lm_head.weight is stored. */
  tie: boolean
  rmsNormEps: number
  ropeTheta: number
  /** Rotary pairs for time, height and width; twice their sum is headDim. */
  mropeSection: [number, number, number]
  maxPositions: number
}

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

export interface TokenConfig {
  bos?: number
  eos: number
  pad?: number
  imagePad: number
  videoPad: number
  visionStart: number
  visionEnd: number
  /** Mask token of block diffusion; absent when the vocabulary has no row for it. Use `maskToken(config)`. */
  mask?: number
}

export interface BlockDiffusionConfig {
  /** False in converted checkpoints that were not trained yet. */
  enabled: boolean
  /** Block size D. */
  blockSize: number
  /** Which position's logits predict a masked token: its own, or the one before it (next-token shift). */
  shift: "same" | "next"
  /** Training pads each answer with EOS to whole blocks. */
  blockAlignedEos: boolean
  antitheticSampling: boolean
  samplingEpsMin: number
  samplingEpsMax: number
}

export interface ModelConfig {
  modelType: ModelType
  text: TextConfig
  vision: VisionConfig
  tokens: TokenConfig
  /** Present for diffusionvl_qwenvl only. */
  blockDiffusion?: BlockDiffusionConfig
  /** Limits of the image area in pixels. */
  image: { minPixels: number; maxPixels: number }
  /** config.json as it was read. */
  raw: Record<string, unknown>
}

export const DEFAULT_MASK_TOKEN = 151671

/** 384 x 384 and 512 x 512: what DiffusionVL trains and decodes with, whatever the preprocessor file says. */
export const DIFFUSION_IMAGE = { minPixels: 147456, maxPixels: 262144 }

export const DEFAULT_BLOCK_DIFFUSION: BlockDiffusionConfig = {
  enabled: true,
  blockSize: 8,
  shift: "same",
  blockAlignedEos: true,
  antitheticSampling: true,
  samplingEpsMin: 0.001,
  samplingEpsMax: 1,
}

/**
 * Id of the mask token.
 * @throws UserError when the config names none and the vocabulary is too small for the usual one.
 */
export function maskToken(config: ModelConfig): number {
  if (config.tokens.mask !== undefined) return config.tokens.mask
  throw new UserError(
    `the model has no mask token: its vocabulary of ${config.text.vocabSize} has no row ${DEFAULT_MASK_TOKEN}`,
    { fix: `Set "mask_token_id" in config.json to a spare row of the embedding.` },
  )
}

/**
 * The same model as a block-diffusion model: what translating changes in the configuration.
 * Image limits become DiffusionVL's unless config.json or the caller says otherwise.
 * @throws UserError for a block that is longer than what the model can see
 */
export function asDiffusion(
  config: ModelConfig,
  options: { blockDiffusion?: Partial<BlockDiffusionConfig>; image?: ModelConfig["image"] } = {},
): ModelConfig {
  const { min_pixels: minPixels, max_pixels: maxPixels } = config.raw
  const kept =
    typeof minPixels === "number" && typeof maxPixels === "number" ? { minPixels, maxPixels } : DIFFUSION_IMAGE
  const blockDiffusion = { ...DEFAULT_BLOCK_DIFFUSION, ...config.blockDiffusion, ...options.blockDiffusion }
  if (blockDiffusion.blockSize > config.text.maxPositions)
    throw new UserError(
      `a block of ${blockDiffusion.blockSize} tokens exceeds the model's ${config.text.maxPositions} positions`,
      { fix: "choose a smaller block size; the authors train with 8" },
    )
  return {
    ...config,
    modelType: "diffusionvl_qwenvl",
    blockDiffusion,
    image: options.image ?? kept,
  }
}
