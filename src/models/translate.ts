/** Choosing another paradigm for the same weights: what translating changes in the configuration. */

import type { ModelConfig } from "../checkpoint/config.js"
import {
  type BlockDiffusionConfig,
  blockDiffusionOf,
  blockDiffusionRecord,
  DEFAULT_BLOCK_DIFFUSION,
  type ParadigmRecord,
} from "../checkpoint/paradigm-record.js"
import { UserError } from "../errors.js"
import type { PixelLimits } from "./architecture.js"
import { architectureOf } from "./registry.js"

/**
 * The same model with another paradigm recorded, and what its family changes with it: a published diffusion form may
 * have other positions, conversations and limits of pictures.
 * @throws UserError for options that the model cannot have
 */
export function asParadigm(
  config: ModelConfig,
  paradigm: ParadigmRecord,
  options: { image?: PixelLimits } = {},
): ModelConfig {
  const size = paradigm.options.block_size
  if (typeof size === "number" && size > config.text.maxPositions)
    throw new UserError(`a block of ${size} tokens exceeds the model's ${config.text.maxPositions} positions`, {
      fix: "choose a smaller block size; the authors train with 8",
    })
  const change = architectureOf(config).asParadigm
  return change ? change(config, paradigm, options) : { ...config, paradigm }
}

/** The same model as a block-diffusion model: what it records already, and what is given. */
export function asDiffusion(
  config: ModelConfig,
  { blockDiffusion, image }: { blockDiffusion?: Partial<BlockDiffusionConfig>; image?: PixelLimits } = {},
): ModelConfig {
  return asParadigm(
    config,
    blockDiffusionRecord({ ...DEFAULT_BLOCK_DIFFUSION, ...blockDiffusionOf(config), ...blockDiffusion }),
    { image },
  )
}
