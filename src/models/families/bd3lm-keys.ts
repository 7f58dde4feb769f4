/** Block diffusion as the authors' config.json says it: the bd3lm_… keys, which all their models share. */
import { z } from "zod"
import type { Json } from "../../checkpoint/json.js"
import type { ParadigmRecord } from "../../checkpoint/paradigm-record.js"
import { check } from "../../checkpoint/schema-check.js"
import { size } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { BLOCK_DIFFUSION } from "../published-paradigms.js"

export const bd3lmKeys = {
  enable_bd3lm: z.boolean().nullish(),
  bd3lm_block_size: size.nullish(),
  bd3lm_token_shift: z.enum(["same", "next"]).nullish(),
  bd3lm_context: z.enum(["block", "causal"]).nullish(),
  bd3lm_anneal: z.array(z.unknown()).nullish(),
  bd3lm_block_aligned_eos: z.boolean().nullish(),
  bd3lm_antithetic_sampling: z.boolean().nullish(),
  bd3lm_sampling_eps_min: z.number().min(0).max(1).nullish(),
  bd3lm_sampling_eps_max: z.number().min(0).max(1).nullish(),
  bd3lm_noise: z.string().nullish(),
  bd3lm_weight: z.string().nullish(),
  bd3lm_copies: z.int().min(1).nullish(),
  bd3lm_learn: z.string().nullish(),
  bd3lm_fill: z.string().nullish(),
}

/** The names of the same options in records. */
const optionOf = (key: string): string =>
  key === "enable_bd3lm" ? "enabled" : key === "bd3lm_token_shift" ? "shift" : key.replace(/^bd3lm_/, "")

const OPTIONS: Record<string, string> = Object.fromEntries(Object.keys(bd3lmKeys).map((key) => [key, optionOf(key)]))

/** The authors' settings where a record leaves them out, or is of a paradigm that their code does not have. */
const AUTHORS: Json = {
  enabled: true,
  block_size: 8,
  block_aligned_eos: true,
  antithetic_sampling: true,
  sampling_eps_min: 0.001,
  sampling_eps_max: 1,
}

/**
 * The record that the keys make: exactly those that are there.
 * @throws UserError naming the key that cannot be right
 */
export function readBd3lm(raw: Json, where?: string): ParadigmRecord {
  const json = check(z.looseObject(bd3lmKeys), raw, "", where)
  const recorded = Object.entries(OPTIONS).filter(([key]) => json[key] != null)
  return { ...BLOCK_DIFFUSION, options: Object.fromEntries(recorded.map(([key, name]) => [name, json[key]])) }
}

/** @throws UserError for options that contradict each other, or the model */
export function validateBd3lm({ options }: ParadigmRecord, maxPositions: number, where?: string): void {
  const { block_size = 1, sampling_eps_min = 0.001, sampling_eps_max = 1 } = options as Record<string, number>
  if (block_size > maxPositions)
    throw new UserError(`bd3lm_block_size ${block_size} exceeds max_position_embeddings ${maxPositions}`, { where })
  if (sampling_eps_min >= sampling_eps_max)
    throw new UserError(
      `bd3lm_sampling_eps_min ${sampling_eps_min} is not below bd3lm_sampling_eps_max ${sampling_eps_max}`,
      { where },
    )
}

/** The keys again. Those that the authors' code does not know only where they say something. */
export function bd3lmJson({ name, options }: ParadigmRecord): Json {
  const all: Json = { ...AUTHORS, ...(name === BLOCK_DIFFUSION.name && options) }
  return Object.fromEntries(
    Object.entries(OPTIONS).flatMap(([key, option]) => {
      // Absent means "same"; other loaders know no shift.
      const isSaid = all[option] != null && !(option === "shift" && all[option] === "same")
      return isSaid ? [[key, all[option]]] : []
    }),
  )
}

/** For a model that is not one of blocks: none of them. */
export const noBd3lm = (): Json => Object.fromEntries(Object.keys(OPTIONS).map((key) => [key, undefined]))
