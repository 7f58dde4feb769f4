/** The paradigm of a recipe: the configuration of the model that comes out, and the objective of a batch. */

import { endToken, type ModelConfig, maskToken } from "../checkpoint/config.js"
import { type TokenAt, withMaskToken } from "../checkpoint/mask-token.js"
import { randomFrom } from "../data/prng.js"
import { UserError } from "../errors.js"
import type { Model } from "../models/registry.js"
import { asDiffusion } from "../models/translate.js"
import { autoregressiveObjective } from "../paradigms/autoregressive/objective.js"
import type { Objective, TrainingBatch } from "../paradigms/batch.js"
import { blockDiffusionObjective } from "../paradigms/block-diffusion/objective.js"
import type { TrainingConfig } from "./config.js"

/**
 * The configuration of the model that comes out.
 * @param tokenAt tokens of its tokenizer, which the mask must not be
 */
export function targetConfig(source: ModelConfig, config: TrainingConfig, tokenAt: TokenAt): ModelConfig {
  if (config.paradigm === "autoregressive") {
    if (source.paradigm.name !== "autoregressive")
      throw new UserError("a diffusion model cannot be trained autoregressively", {
        where: config.model,
        fix: "start from an autoregressive model",
      })
    return source
  }
  const eos = endToken(source)
  if (eos >= source.text.vocabSize)
    throw new UserError(
      `the end-of-sequence token ${eos}, which pads answers, is outside the vocabulary of ${source.text.vocabSize}`,
      { where: config.model, fix: 'name the right "eos_token_id" in config.json' },
    )
  const { min_pixels: minPixels, max_pixels: maxPixels } = config.data
  const { block_size: blockSize, shift } = config.block_diffusion
  return asDiffusion(withMaskToken(source, tokenAt, config.model, { grow: true }), {
    blockDiffusion: { enabled: true, blockSize, shift },
    ...(minPixels && maxPixels && { image: { minPixels, maxPixels } }),
  })
}

export function objectiveOf(
  model: Model,
  batch: TrainingBatch,
  config: TrainingConfig,
  target: ModelConfig,
  seeds: readonly number[],
): Objective {
  if (config.paradigm === "autoregressive") return autoregressiveObjective(model, batch)
  const { block_size: blockSize, noise: schedule, noise_range, shift, weight, copies } = config.block_diffusion
  return blockDiffusionObjective(
    model,
    batch,
    {
      blockSize,
      schedule,
      epsMin: noise_range[0],
      epsMax: noise_range[1],
      shift,
      weight,
      copies,
      maskToken: maskToken(target),
    },
    randomFrom(...seeds, 3),
  )
}

/** Tokens that a step's loss is about, by the numbers its objective reports. */
export const learnedTokens = ({ maskedTokens, tokens }: Record<string, number>): number => maskedTokens ?? tokens ?? 0

/** A training without a token to learn has left every weight as it was. */
export function nothingLearned({ paradigm, output, data }: TrainingConfig): UserError {
  const diffusion = paradigm === "block-diffusion"
  return new UserError(
    `nothing was learned: no token of the samples ${diffusion ? "was masked" : "is labelled"} in any step`,
    {
      where: output,
      fix: diffusion
        ? "raise block_diffusion.noise_range, or train more steps"
        : `look at the answers of ${data.file} with \`diffusionvl data check\``,
    },
  )
}
