/** What config.json records of a paradigm: its name and the options it was trained with, in the words of recipes. */

import { z } from "zod"
import type { Json } from "./json.js"
import { check } from "./schema-check.js"

export interface ParadigmRecord {
  name: string
  /** Exactly those that the file records; what is absent was not recorded. */
  options: Json
}

/** Where families without a published diffusion form record it, so that others still load the weights. */
const KEY = "diffusionvl"

const blockDiffusionSchema = z.looseObject({
  enabled: z.boolean().optional(),
  block_size: z
    .int()
    .min(1)
    .max(1 << 24)
    .optional(),
  shift: z.enum(["same", "next"]).optional(),
  block_aligned_eos: z.boolean().optional(),
  antithetic_sampling: z.boolean().optional(),
  sampling_eps_min: z.number().min(0).max(1).optional(),
  sampling_eps_max: z.number().min(0).max(1).optional(),
})
const recordSchema = z.looseObject({ paradigm: z.enum(["autoregressive", "block-diffusion", "full-diffusion"]) })

/**
 * The record of a config.json that has one.
 * @throws UserError for a record that cannot be right, naming the key
 */
export function readParadigm(raw: Json, where?: string): ParadigmRecord | undefined {
  if (raw[KEY] == null) return undefined
  const { paradigm: name, ...options } = check(recordSchema, raw[KEY], KEY, where)
  if (name === "block-diffusion") check(blockDiffusionSchema, options, KEY, where)
  return { name, options }
}

/** What to write into config.json: nothing for the paradigm that the family is published in. */
export const paradigmJson = ({ name, options }: ParadigmRecord, published: string): Json =>
  name === published ? { [KEY]: undefined } : { [KEY]: { paradigm: name, ...options } }

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

export const DEFAULT_BLOCK_DIFFUSION: BlockDiffusionConfig = {
  enabled: true,
  blockSize: 8,
  shift: "same",
  blockAlignedEos: true,
  antitheticSampling: true,
  samplingEpsMin: 0.001,
  samplingEpsMax: 1,
}

/** Whether the mask of the model is one that it learned: of an untrained conversion any row will do. */
export const hasLearnedMask = ({ name, options }: ParadigmRecord): boolean =>
  name !== "autoregressive" && options.enabled !== false

const RECORDED: Record<keyof BlockDiffusionConfig, string> = {
  enabled: "enabled",
  blockSize: "block_size",
  shift: "shift",
  blockAlignedEos: "block_aligned_eos",
  antitheticSampling: "antithetic_sampling",
  samplingEpsMin: "sampling_eps_min",
  samplingEpsMax: "sampling_eps_max",
}

/** The block-diffusion options of a model, defaults filled in; undefined for a model of another paradigm. */
export function blockDiffusionOf({ paradigm }: { paradigm: ParadigmRecord }): BlockDiffusionConfig | undefined {
  if (paradigm.name !== "block-diffusion") return undefined
  const recorded = Object.entries(RECORDED).flatMap(([name, key]) =>
    paradigm.options[key] == null ? [] : [[name, paradigm.options[key]]],
  )
  return { ...DEFAULT_BLOCK_DIFFUSION, ...Object.fromEntries(recorded) }
}

/** A block-diffusion record with these options. */
export function blockDiffusionRecord(options: Partial<BlockDiffusionConfig>): ParadigmRecord {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return {
    name: "block-diffusion",
    options: Object.fromEntries(given.map(([name, value]) => [RECORDED[name as keyof BlockDiffusionConfig], value])),
  }
}
