/** What a recipe says of full diffusion, and what config.json records of it. */

import { z } from "zod"
import type { ModelConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import { check } from "../../checkpoint/schema-check.js"
import type { TokenShift } from "../block-diffusion/needed-positions.js"
import { learned } from "../learned.js"
import { learnedTokens, noiseRange, tokenShift } from "../recipe-parts.js"

const fraction = z.number().min(0).max(1)

export const fullDiffusionRecipe = z.strictObject({
  /** A token is masked with a probability between these, drawn for each sample. */
  noise_range: noiseRange.default([0.001, 1]),
  shift: tokenShift.default("same"),
  /** Earlier turns of a conversation do not see later ones (the authors): the authors' marks of LLaDA tell them apart, or else the answers. */
  turns: z.boolean().default(true),
  learn: learnedTokens.default("authors"),
  /**
   * Every answer is filled with end marks, which are learned, up to a multiple of so many tokens (LLaDA's fine-tuning): what is
   * decoded is longer than the answer. 0: not, as the authors.
   */
  fill_to: z.int().min(0).max(65_536).default(0),
})

export type FullDiffusionRecipe = z.output<typeof fullDiffusionRecipe>

const DEFAULTS = fullDiffusionRecipe.parse({})
const { shift, turns, learn, fill_to } = fullDiffusionRecipe.shape
const recordSchema = z.looseObject({
  noise_range: z
    .tuple([fraction, fraction])
    .refine(([low, high]) => low <= high, "the second number must be the larger one")
    .optional(),
  shift: shift.optional(),
  turns: turns.optional(),
  learn: learn.optional(),
  fill_to: fill_to.optional(),
})

/** The options of a training. */
export function recordOf(recipe: Partial<FullDiffusionRecipe> = {}): Json {
  const { fill_to, ...rest } = { ...DEFAULTS, ...recipe }
  return { ...rest, ...(fill_to > 0 && { fill_to }) }
}

/** @throws UserError naming the key that cannot be right */
export function checkRecord(config: ModelConfig, where?: string): void {
  check(recordSchema, config.paradigm.options, "diffusionvl", where)
}

/** Which position predicts a token, as the model was trained, whatever in. */
export const trainedShift = ({ paradigm }: ModelConfig): TokenShift => learned(paradigm).shift
