/** What a recipe says of full diffusion, and what config.json records of it. */

import { z } from "zod"
import type { ModelConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import { check } from "../../checkpoint/schema-check.js"
import type { TokenShift } from "../block-diffusion/needed-positions.js"
import { learnedTokens, noiseRange, tokenShift } from "../recipe-parts.js"

const fraction = z.number().min(0).max(1)

export const fullDiffusionRecipe = z.strictObject({
  /** A token is masked with a probability between these, drawn for each sample. */
  noise_range: noiseRange.default([0.001, 1]),
  shift: tokenShift.default("same"),
  /** Earlier turns of a conversation do not see later ones, where LLaDA's marks tell turns apart (the authors). */
  turns: z.boolean().default(true),
  learn: learnedTokens.default("authors"),
})

export type FullDiffusionRecipe = z.output<typeof fullDiffusionRecipe>

const DEFAULTS = fullDiffusionRecipe.parse({})
const { shift, turns, learn } = fullDiffusionRecipe.shape
const recordSchema = z.looseObject({
  noise_range: z
    .tuple([fraction, fraction])
    .refine(([low, high]) => low <= high, "the second number must be the larger one")
    .optional(),
  shift: shift.optional(),
  turns: turns.optional(),
  learn: learn.optional(),
})

/** The options of a training. */
export const recordOf = (recipe: Partial<FullDiffusionRecipe> = {}): Json => ({ ...DEFAULTS, ...recipe })

/** @throws UserError naming the key that cannot be right */
export function checkRecord(config: ModelConfig, where?: string): void {
  check(recordSchema, config.paradigm.options, "diffusionvl", where)
}

/** Which position predicts a token, as the model was trained. */
export const trainedShift = ({ paradigm: { name, options } }: ModelConfig): TokenShift =>
  name === "full-diffusion" && options.shift === "next" ? "next" : "same"
