/** What a recipe says of block diffusion, and what config.json records of it. */

import { z } from "zod"
import { endToken, type ModelConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import type { ParadigmRecord } from "../../checkpoint/paradigm-record.js"
import { check } from "../../checkpoint/schema-check.js"
import { UserError } from "../../errors.js"
import { learnedTokens, noiseRange, tokenShift } from "../recipe-parts.js"
import type { TokenShift } from "./needed-positions.js"

const LARGEST_BLOCK = 65_536

export const blockDiffusionRecipe = z.strictObject({
  /** D of the paper. */
  block_size: z.int().min(1).max(LARGEST_BLOCK).default(8),
  /** ordered: as the authors' code (t grows along the sequence); shuffled: the same levels, permuted; uniform: as the paper says. */
  noise: z.enum(["ordered", "shuffled", "uniform"]).default("ordered"),
  /** t lies between these; a narrower range has less variance (Arriola et al. 2025, "clipped" schedules). */
  noise_range: noiseRange.default([0.001, 1]),
  shift: tokenShift.default("same"),
  weight: z.enum(["1/t", "one"]).default("1/t"),
  /** Noised copies of each sample in a step; its clean rows and pictures are computed once for all of them. */
  copies: z.int().min(1).max(1024).default(1),
  learn: learnedTokens.default("authors"),
})

export type BlockDiffusionRecipe = z.output<typeof blockDiffusionRecipe>

const { noise, shift, weight, copies, learn } = blockDiffusionRecipe.shape
/** As config.json records it: the authors' keys without "bd3lm_", and what their code has no choice of. */
const recordSchema = z.looseObject({
  enabled: z.boolean().optional(),
  block_size: z.int().min(1).optional(),
  noise: noise.optional(),
  shift: shift.optional(),
  weight: weight.optional(),
  copies: copies.optional(),
  learn: learn.optional(),
  block_aligned_eos: z.boolean().optional(),
  antithetic_sampling: z.boolean().optional(),
  sampling_eps_min: z.number().min(0).max(1).optional(),
  sampling_eps_max: z.number().min(0).max(1).optional(),
})

const DEFAULTS = blockDiffusionRecipe.parse({})

/** The options of a training. What is as in the authors' code, and not among the authors' keys, is left out. */
export function recordOf(recipe: Partial<BlockDiffusionRecipe> = {}): Json {
  const { block_size, noise, noise_range, shift, weight, copies, learn } = { ...DEFAULTS, ...recipe }
  return {
    enabled: true,
    block_size,
    ...(shift !== "same" && { shift }),
    block_aligned_eos: true,
    antithetic_sampling: noise !== "uniform",
    sampling_eps_min: noise_range[0],
    sampling_eps_max: noise_range[1],
    ...(noise === "shuffled" && { noise }),
    ...(weight !== "1/t" && { weight }),
    ...(copies !== 1 && { copies }),
    ...(learn !== "authors" && { learn }),
  }
}

/** What decoding goes by. */
export interface TrainedBlocks {
  blockSize: number
  shift: TokenShift
}

/** Of a model of another paradigm: as the authors' models. */
export function trainedBlocks({ paradigm }: { paradigm: ParadigmRecord }): TrainedBlocks {
  const { block_size, shift } = paradigm.name === "block-diffusion" ? paradigm.options : {}
  return { blockSize: (block_size as number | undefined) ?? 8, shift: (shift as TokenShift | undefined) ?? "same" }
}

/** @throws UserError naming the key that cannot be right */
export function checkRecord(config: ModelConfig, where?: string): void {
  const record = check(recordSchema, config.paradigm.options, "diffusionvl", where)
  const { block_size = 8, sampling_eps_min: low = 0, sampling_eps_max: high = 1 } = record
  if (low > high)
    throw new UserError(`diffusionvl.sampling_eps_min ${low} is above sampling_eps_max ${high}`, { where })
  if (block_size > config.text.maxPositions)
    throw new UserError(`a block of ${block_size} tokens exceeds the model's ${config.text.maxPositions} positions`, {
      where,
      fix: "choose a smaller block size; the authors train with 8",
    })
  // Decoding in blocks must end somewhere.
  endToken(config)
}

/** @throws UserError when there is no token to pad answers with */
export function checkTraining(config: ModelConfig, where?: string): void {
  const end = endToken(config)
  if (end >= config.text.vocabSize)
    throw new UserError(
      `the end-of-sequence token ${end}, which pads answers, is outside the vocabulary of ${config.text.vocabSize}`,
      { where, fix: 'name the right "eos_token_id" in config.json' },
    )
}
