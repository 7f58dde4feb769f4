/** What a demo recipe (recipes/emoji-*.yaml) may say. */

import { z } from "zod"
import { UserError } from "../../src/errors.js"
import { blockDiffusionRecipe } from "../../src/paradigms/block-diffusion/recipe.js"
import { readable } from "../../src/readable.js"
import {
  augmentSchema,
  betasSchema,
  fraction,
  modelSchema,
  taskMixtureSchema,
  trainablePartsSchema,
  trainingSchema,
  upTo,
  weightDecaySchema,
} from "../../src/train/recipe/config.js"
import { problemsOf } from "../../src/train/recipe/recipe-problems.js"
import { OPTIONS } from "./data/records.js"

const count = upTo(1_000_000)
const width = upTo(65_536)
const depth = upTo(1024)
const positive = z.number().positive().max(1_000_000)

const stageSchema = z.strictObject({
  /** Optimizer steps: the same on every machine, however fast it is. */
  steps: count,
  learning_rate: positive,
  warmup_ratio: fraction.default(0.03),
  /** Parts that are trained; the others stay as they are. */
  tunable: trainablePartsSchema,
  task_mixture: taskMixtureSchema,
})

/** Value of `start`: no model yet. */
export const SCRATCH = "scratch"

const keys = z.strictObject({
  /** The autoregressive model that is translated: a built-in model, a folder, a hub id; or "scratch": trained first. */
  start: modelSchema.default(SCRATCH),
  data: z.strictObject({
    concepts: z
      .union([z.number(), z.literal("all")])
      .refine(
        (value) => value === "all" || (Number.isInteger(value) && value >= OPTIONS && value <= 1_000_000),
        `must be a whole number of at least ${OPTIONS}, between which questions choose, or all`,
      )
      .default(128),
    /** things: animals, food, travel, activities, objects; all: faces, people, symbols and flags too. */
    groups: z.enum(["things", "all"]).default("things"),
    size: upTo(2048).default(84),
    seed: z.int().default(1),
  }),
  tokenizer: z.strictObject({ vocabulary: count.default(2048) }).prefault({}),
  model: z.strictObject({
    vision: z.strictObject({ width, depth, heads: width, mlp: width }),
    text: z.strictObject({ width, depth, heads: width, kv_heads: width, mlp: width }),
    /** Standard deviations of the random weights. */
    matrix_std: positive.default(0.02),
    embedding_std: positive.default(0.04),
    /** pixels become (x − mean) / std */
    pixel_mean: z.number().default(0.75),
    pixel_std: positive.default(0.3),
  }),
  training: z.strictObject({
    /** Pictures per step. */
    batch: count.default(32),
    weight_decay: weightDecaySchema.default(0.05),
    betas: betasSchema.default([0.9, 0.98]),
    max_grad_norm: positive.default(1),
    dtype: z.enum(["auto", "float32", "bfloat16"]).default("float32"),
    seed: z.int().default(1),
    augment: augmentSchema,
    /** Seconds between checkpoints are steps × seconds per step; a few a minute are cheap at this size. */
    save_every: count.default(100),
  }),
  stages: z.strictObject({
    /** Only from scratch. */
    autoregressive: stageSchema,
    /**
     * The translation; the autoregressive control trains the same parts on as many samples, with the same learning rate
     * and task mixture.
     */
    diffusion: stageSchema.extend({
      block_diffusion: blockDiffusionRecipe.omit({ shift: true }).prefault({}),
      /** One translation for each: next keeps the autoregressive model's shift, same is the authors' position. */
      shifts: z
        .array(z.enum(["next", "same"]))
        .min(1)
        .default(["next"]),
    }),
  }),
  evaluation: z
    .strictObject({
      /** Questions of each task and set for the main comparison. */
      questions: count.default(128),
      /** Questions for each point of the sweeps. */
      sweep_questions: count.default(48),
      block_sizes: z.array(count).default([1, 4, 8, 16]),
      steps: z.array(count).default([8, 4, 2]),
      thresholds: z.array(fraction).default([0.95, 0.9, 0.8, 0.6]),
      /** Speed is measured in so many rounds; in each, every model and way of decoding describes the same pictures. */
      speed_rounds: count.default(11),
      /** Descriptions of a round. */
      speed_questions: count.default(6),
    })
    .prefault({}),
})

interface Stages {
  data: { size: number }
  training: { weight_decay: number; batch: number; save_every: number; seed: number }
  stages: Record<string, { learning_rate: number; block_diffusion?: unknown }>
}

/** The stages are ordinary trainings: what those refuse is said here, of the demo's own keys. */
function requireTrainings({ stages, training, data }: Stages, context: z.core.$RefinementCtx): void {
  const { weight_decay, batch: micro_batch_size, save_every, seed } = training
  for (const [name, { learning_rate, ...stage }] of Object.entries(stages)) {
    const value = {
      model: name,
      output: name,
      data: { file: name, min_pixels: data.size ** 2, max_pixels: data.size ** 2 },
      train: { learning_rate, weight_decay, micro_batch_size, save_every, seed },
      ...("block_diffusion" in stage && { block_diffusion: stage.block_diffusion }),
    }
    for (const { path, what } of problemsOf(
      trainingSchema().safeParse(value).error?.issues ?? [],
      value,
      trainingSchema(),
    )) {
      const own = ownKey(name, path)
      const isTold = context.issues.some((issue) => String(issue.path) === String(own))
      if (!isTold) context.addIssue({ code: "custom", path: own, message: `as a training: ${what}` })
    }
  }
}

/** The demo's key that a stage's key of a training is from. */
function ownKey(stage: string, [section, key, ...rest]: readonly PropertyKey[]): PropertyKey[] {
  if (section === "block_diffusion") return ["stages", stage, section, ...(key === undefined ? [] : [key]), ...rest]
  if (section === "data") return ["data", "size"]
  if (key === "learning_rate") return ["stages", stage, key]
  return ["training", key === "micro_batch_size" ? "batch" : key]
}

export const demoSchema = keys.superRefine(requireTrainings)

/** What only a first model that is trained here is made of. */
const FROM_SCRATCH = ["tokenizer", "model", "stages.autoregressive"]

/**
 * A recipe may carry settings of both ways to begin; what somebody sets for this one run must count in it.
 * @param overrides "key=value", as typed
 * @throws UserError for a key that changes nothing
 */
export function requireEffect({ start }: DemoRecipe, overrides: readonly string[]): void {
  if (start === SCRATCH) return
  for (const override of overrides) {
    const key = override.slice(0, override.indexOf("="))
    if (FROM_SCRATCH.some((section) => key === section || key.startsWith(`${section}.`)))
      throw new UserError(`counts only with --from-scratch: the demo starts from the model ${readable(start)}`, {
        where: `--set ${readable(key)}`,
        fix: "add --from-scratch, or leave this setting out",
      })
  }
}

export type DemoRecipe = z.output<typeof demoSchema>
