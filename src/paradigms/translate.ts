/** Choosing another paradigm for the same weights: what translating changes in the configuration. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { Json } from "../checkpoint/json.js"
import { type TokenAt, withMaskToken } from "../checkpoint/mask-token.js"
import type { PixelLimits } from "../models/architecture.js"
import { architectureOf } from "../models/registry.js"
import { type AnyParadigm, paradigmOf } from "./registry.js"

/**
 * The same model with another paradigm recorded, and what its family changes with it: a published diffusion form may
 * have other positions, conversations and limits of pictures.
 * @param recorded what its training chooses, as `paradigm.record` writes it
 * @throws UserError for options that the model cannot have
 */
export function asParadigm(
  config: ModelConfig,
  paradigm: AnyParadigm,
  { recorded = paradigm.record(), image }: { recorded?: Json; image?: PixelLimits } = {},
): ModelConfig {
  const record = { name: paradigm.name, options: recorded }
  paradigm.check({ ...config, paradigm: record })
  const change = architectureOf(config).asParadigm
  return change ? change(config, record, { masks: paradigm.masks, image }) : { ...config, paradigm: record }
}

/**
 * The configuration with its mask token: the one that the model has learned, where it has, or one that no text can be.
 * @throws as `withMaskToken`
 */
export function withMask(config: ModelConfig, tokenAt: TokenAt, where?: string, grow = false): ModelConfig {
  // Of a conversion that was not trained yet any row will do.
  const learned = paradigmOf(config, where).masks && config.paradigm.options.enabled !== false
  return withMaskToken(config, tokenAt, where, { grow, learned })
}
