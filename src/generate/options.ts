/** What people may ask of a decoder, checked before anything is computed. */

import type { BlockDiffusionConfig } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import { REMASKING_STRATEGIES, type RemaskingStrategy } from "../paradigms/block-diffusion/remasking.js"
import type { SamplingOptions } from "../paradigms/sampling.js"
import type { Session } from "./session.js"

export interface DecodingOptions extends SamplingOptions {
  /** Tokens to generate at most. @default 128 */
  maxTokens?: number
  /** Seed of the sampling, used when the temperature is not 0. @default 0 */
  seed?: number
  // Block diffusion only:
  /** @default the block size the model was trained with */
  blockSize?: number
  /** Denoising steps per block. @default the block size: one token each */
  steps?: number
  /**
   * Which masked tokens a step makes final.
   * @default what the model's generation_config.json says, unless `steps` are given; else "low_confidence_dynamic" when a
   * threshold is given, else "low_confidence_static"
   */
  strategy?: RemaskingStrategy
  /** Confidence, 0 to 1, above which a token becomes final at once. @default the model's, else 0.85, with a dynamic strategy */
  threshold?: number
  /** Which row predicts a token. @default as the model was trained */
  shift?: BlockDiffusionConfig["shift"]
  /** The authors' loop, forward for forward. */
  reference?: boolean
}

const BLOCK_DIFFUSION_ONLY = ["blockSize", "steps", "strategy", "threshold", "shift", "reference"] as const

/** @throws UserError naming the option that cannot be used */
export function checkOptions({ paradigm, name }: Session, options: DecodingOptions): void {
  const { threshold, strategy, temperature, topP, topK } = options
  if (paradigm === "autoregressive") {
    const unfit = BLOCK_DIFFUSION_ONLY.find((key) => options[key] !== undefined)
    if (unfit)
      throw new UserError(`${name} is an autoregressive model: it has no ${unfit}`, {
        fix: "leave the option out, or use a block-diffusion model",
      })
  }
  for (const key of ["maxTokens", "blockSize", "steps"] as const) {
    const value = options[key]
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      throw new UserError(`${key} must be a whole number of at least 1, not ${value}`)
  }
  if (threshold !== undefined && !(threshold >= 0 && threshold <= 1))
    throw new UserError(`the threshold must be between 0 and 1, not ${threshold}`)
  if (strategy !== undefined && !REMASKING_STRATEGIES.includes(strategy))
    throw new UserError(`there is no remasking strategy "${strategy}"`, {
      fix: `use ${REMASKING_STRATEGIES.join(", ")}`,
    })
  if (strategy === "low_confidence_static" && threshold !== undefined)
    throw new UserError("the static strategy has no threshold", { fix: "leave one of the two out" })
  if (temperature !== undefined && !(temperature >= 0 && Number.isFinite(temperature)))
    throw new UserError(`the temperature must be 0 or more, not ${temperature}`)
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw new UserError(`top-p must be above 0 and at most 1, not ${topP}`)
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 0))
    throw new UserError(`top-k must be a whole number of at least 0, not ${topK}`)
}
