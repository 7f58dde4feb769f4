/** What a recipe says of block diffusion, and what config.json records of it. */

import { z } from "zod"
import { endToken, type ModelConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import type { ParadigmRecord } from "../../checkpoint/paradigm-record.js"
import { check } from "../../checkpoint/schema-check.js"
import { UserError } from "../../errors.js"
import { type Learned, learned } from "../learned.js"
import { learnedTokens, noiseRange, tokenShift, untilGrows } from "../recipe-parts.js"

const LARGEST_BLOCK = 65_536
const blockSize = z.int().min(1).max(LARGEST_BLOCK)

/** Until this part of the training, blocks of this size; what comes out has blocks of `block_size`. */
const annealing = z
  .array(z.strictObject({ until: z.number().positive().lt(1), block_size: blockSize }))
  .max(1000)
  .refine(...untilGrows)

export const blockDiffusionRecipe = z.strictObject({
  /** D of the paper. */
  block_size: blockSize.default(8),
  /** The block grows during training (A2D-VL, Fast-dVLM); none: it has its size from the first step (the paper). */
  anneal: annealing.default([]),
  /** ordered: as the authors' code (t grows along the sequence); shuffled: the same levels, permuted; uniform: as the paper says. */
  noise: z.enum(["ordered", "shuffled", "uniform"]).default("ordered"),
  /** t lies between these; a narrower range has less variance (Arriola et al. 2025, "clipped" schedules). */
  noise_range: noiseRange.default([0.001, 1]),
  shift: tokenShift.default("same"),
  /**
   * What clean tokens see. block: their own block too, as the authors; causal: what is before them only, so that the
   * prompt and its pictures are to the model what they were before translation (Fast-dVLM).
   */
  context: z.enum(["block", "causal"]).default("block"),
  weight: z.enum(["1/t", "one"]).default("1/t"),
  /** Noised copies of each sample in a step; its clean rows and pictures are computed once for all of them. */
  copies: z.int().min(1).max(1024).default(1),
  learn: learnedTokens.default("authors"),
  /**
   * Whose block is filled with end marks: that of the last answer of a conversation (the authors), or of each, which begins
   * the next question with a block. Otherwise the question behind an answer, in its block, tells where the answer ends.
   */
  fill: z.enum(["last", "each"]).default("last"),
})

export type BlockDiffusionRecipe = z.output<typeof blockDiffusionRecipe>

const { noise, shift, context, weight, copies, learn, fill } = blockDiffusionRecipe.shape
/** As config.json records it: the authors' keys without "bd3lm_", and what their code has no choice of. */
const recordSchema = z.looseObject({
  enabled: z.boolean().optional(),
  block_size: z.int().min(1).optional(),
  noise: noise.optional(),
  shift: shift.optional(),
  context: context.optional(),
  anneal: annealing.optional(),
  weight: weight.optional(),
  copies: copies.optional(),
  learn: learn.optional(),
  fill: fill.optional(),
  block_aligned_eos: z.boolean().optional(),
  antithetic_sampling: z.boolean().optional(),
  sampling_eps_min: z.number().min(0).max(1).optional(),
  sampling_eps_max: z.number().min(0).max(1).optional(),
})

const DEFAULTS = blockDiffusionRecipe.parse({})

/** The options of a training. What is as in the authors' code, and not among the authors' keys, is left out. */
export function recordOf(recipe: Partial<BlockDiffusionRecipe> = {}): Json {
  const { block_size, anneal, noise, noise_range, shift, context, weight, copies, learn, fill } = {
    ...DEFAULTS,
    ...recipe,
  }
  return {
    enabled: true,
    block_size,
    ...(anneal.length > 0 && { anneal }),
    ...(shift !== "same" && { shift }),
    ...(context !== "block" && { context }),
    block_aligned_eos: true,
    antithetic_sampling: noise !== "uniform",
    sampling_eps_min: noise_range[0],
    sampling_eps_max: noise_range[1],
    ...(noise === "shuffled" && { noise }),
    ...(weight !== "1/t" && { weight }),
    ...(copies !== 1 && { copies }),
    ...(learn !== "authors" && { learn }),
    ...(fill !== "last" && { fill }),
  }
}

/** What is wrong with its sizes: whole blocks of one phase must be whole blocks of the next. */
export function blockSizeProblem({ block_size, anneal }: BlockDiffusionRecipe): string | undefined {
  const sizes = [...anneal.map((phase) => phase.block_size), block_size]
  const at = sizes.findIndex((size, i) => i > 0 && (size <= sizes[i - 1] || size % sizes[i - 1] !== 0))
  if (at < 0) return undefined
  const what = sizes[at] <= sizes[at - 1] ? "is not smaller than" : "does not divide"
  return `blocks must grow to a multiple of their size: ${sizes[at - 1]} ${what} ${at < anneal.length ? "the next size" : "block_size"}, ${sizes[at]}`
}

/**
 * D at a moment of the training.
 * @param progress part of the training that is done, 0 to 1
 */
export const blockSizeAt = ({ block_size, anneal }: BlockDiffusionRecipe, progress: number): number =>
  anneal.find(({ until }) => progress < until)?.block_size ?? block_size

/** What decoding goes by. */
export interface TrainedBlocks extends Learned {
  blockSize: number
}

/** Of a model of another paradigm: as much as it has learned, in blocks of the authors' size. */
export function trainedBlocks({ paradigm }: { paradigm: ParadigmRecord }): TrainedBlocks {
  const { block_size } = paradigm.name === "block-diffusion" ? paradigm.options : {}
  return { blockSize: (block_size as number | undefined) ?? 8, ...learned(paradigm) }
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
