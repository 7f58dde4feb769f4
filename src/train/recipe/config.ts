/** What a training recipe (YAML) may say, with the defaults. Keys are in snake_case, as in Hugging Face files. */

import { z } from "zod"
import type { UserError } from "../../errors.js"
import { modelUrlProblem } from "../../hub/model-url.js"
import { connectorNamed } from "../../models/connectors/registry.js"
import { sectionKey } from "../../paradigms/paradigm.js"
import { untilGrows } from "../../paradigms/recipe-parts.js"
import {
  type AnyParadigm,
  DEFAULT_PARADIGM,
  type ParadigmSections,
  paradigmNamed,
  paradigms,
} from "../../paradigms/registry.js"
import { type UrlProblem, urlProblem, urlSentence } from "../../url.js"

export { parseYaml, readRecipe } from "./recipe-file.js"

/** Limits are far beyond what is meant to be used: they keep out what would never end, overflow or be no number. */
export const upTo = (most: number) => z.int().min(1).max(most)
export const fraction = z.number().min(0).max(1)
const MANY = 1_000_000_000
/** Samples of one forward: more need memory that no machine has. */
const MOST_AT_ONCE = 4096
/** A side of a picture, a number of samples. */
const LARGE = 65_536

/** Adam and clipping take no larger steps than this a step; usual are 1e-6 to 1e-3. */
export const learningRateSchema = z.number().min(1e-12).max(1)
/** At 1 the corrected moments are divided by zero. */
export const betasSchema = z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
export const weightDecaySchema = z.number().min(0).max(100)
/** 0 does not clip; much less than any gradient's norm would leave nothing of it. */
export const maxGradNormSchema = z
  .number()
  .min(0)
  .max(1_000_000)
  .refine((norm) => norm === 0 || norm >= 1e-6, "must be 0 (no clipping) or at least 0.000001")

const pathOf = (noun: string) =>
  z
    .string()
    .min(1)
    .max(4096)
    .refine((text) => !text.includes("\0"), "a path has no NUL character")
    .superRefine(refuseUrl((text) => urlProblem(text, noun)))

/** A rule that refuses addresses. */
function refuseUrl(problemOf: (text: string) => UrlProblem | undefined) {
  return (text: string, context: z.core.$RefinementCtx): void => {
    const problem = problemOf(text)
    if (problem) context.addIssue({ code: "custom", message: urlSentence(problem) })
  }
}

/** A folder, a built-in name or a hub id. */
export const modelSchema = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes("\0"), "no model has a NUL character in its name")
  .superRefine(refuseUrl(modelUrlProblem))

/** Until this part of the training, the probability of each task of an image. */
export const taskMixtureSchema = z
  .array(
    z.strictObject({
      until: z.number().positive().max(1),
      tasks: z
        .record(z.string(), fraction)
        .refine((tasks) => Object.values(tasks).some((p) => p > 0), "no task has a probability above 0"),
    }),
  )
  .min(1)
  .max(1000)
  .refine(...untilGrows)
  .refine((phases) => phases.at(-1)?.until === 1, "the last `until` must be 1: it says what is learned to the end")

export const augmentSchema = z.strictObject({
  scale: z
    .tuple([z.number().min(0.01).max(100), z.number().min(0.01).max(100)])
    .refine(([low, high]) => low <= high, "the second number must not be the smaller one")
    .default([1, 1]),
  rotate_degrees: z.number().min(0).max(360).default(0),
  shift: fraction.default(0),
  shear: fraction.default(0),
  flip: fraction.default(0),
  hue_radians: z.number().min(0).max(7).default(0),
  saturation: fraction.default(0),
  brightness: fraction.default(0),
  /** How likely one of the pictures that a record lists (`mix_with`) is mixed into its own, and with which share of the pixels. */
  mixing: z.strictObject({ probability: fraction.default(0), weight: fraction.default(0.5) }).prefault({}),
})

export const dataSchema = z.strictObject({
  /** LLaVA-format JSON or JSONL. */
  file: pathOf("data file"),
  /** captions: a picture and the answer alone, without question and marks, as the authors begin with LLaDA. */
  format: z.enum(["chat", "captions"]).default("chat"),
  /** Folder that image paths are relative to; the file's own folder if not given. */
  image_root: pathOf("folder of the images").optional(),
  max_length: upTo(1 << 20).default(8192),
  /**
   * true: what the tokenizer's added tokens are written like (<tool_call>, <|box_start|>) is these tokens, as the authors
   * train. false, for records that strangers wrote: it is learned as the characters it is.
   */
  trusted: z.boolean().default(true),
  /** Of models that leave the choice. pad (the default): onto a square, as the authors train; native: as they evaluate. */
  image_aspect: z.enum(["pad", "native"]).optional(),
  /**
   * Of pictures that are cut into tiles beside a small copy of the whole. all: as the evaluation sees them; whole: the small copy
   * only, as the authors train, by mistake (docs/reference.md, Q1).
   */
  image_tiles: z.enum(["all", "whole"]).default("all"),
  /** Pixels per image, of Qwen's models; the model's own preprocessor_config.json if not given. */
  min_pixels: upTo(MANY).optional(),
  max_pixels: upTo(MANY).optional(),
  /** grouped: by image; batches of images, each with tasks drawn by `task_mixture`. */
  sampler: z.enum(["modality-length", "shuffle", "grouped"]).default("modality-length"),
  /** For `grouped`: until this part of the training, the probability of each task of an image. */
  task_mixture: taskMixtureSchema.optional(),
  augment: augmentSchema.optional(),
  /** Folder in which the features of a frozen tower are kept: of each picture they are computed once, for all trainings. */
  feature_cache: pathOf("folder of the features").optional(),
})

export const trainablePartsSchema = z
  .array(z.enum(["vision", "projector", "language"]))
  .min(1)
  .default(["vision", "projector", "language"])

export const optimizationSchema = z.strictObject({
  tunable: trainablePartsSchema,
  learning_rate: learningRateSchema.default(1e-5),
  vision_learning_rate: learningRateSchema.optional(),
  projector_learning_rate: learningRateSchema.optional(),
  weight_decay: weightDecaySchema.default(0),
  betas: betasSchema.default([0.9, 0.999]),
  eps: z.number().min(1e-20).max(1).default(1e-8),
  max_grad_norm: maxGradNormSchema.default(1),
  schedule: z.enum(["cosine", "constant"]).default("cosine"),
  warmup_ratio: fraction.default(0.03),
  /** Samples (with the `grouped` sampler: images) per forward. */
  micro_batch_size: upTo(MOST_AT_ONCE).default(1),
  accumulate: upTo(LARGE).default(1),
  epochs: z.number().positive().max(1_000_000).default(1),
  max_steps: upTo(MANY).optional(),
  /** A time budget: the schedule follows the clock and training ends with it. */
  max_minutes: z.number().positive().max(1_000_000).optional(),
  dtype: z.enum(["auto", "float32", "bfloat16"]).default("auto"),
  gradient_checkpointing: z.boolean().default(false),
  seed: z.int().min(0).default(42),
  log_every: upTo(MANY).default(1),
  save_every: upTo(MANY).default(800),
  /** Checkpoints kept besides the last. */
  keep: z.int().min(0).max(MANY).default(0),
})

/** Which modules, in PEFT's words: a list of endings of their names in transformers, or a regular expression for whole names. */
const moduleNames = z.union([z.string().min(1).max(10_000), z.array(z.string().min(1).max(1000)).min(1).max(10_000)])
const rankSchema = upTo(65_536)
const alphaSchema = z.number().positive().max(1_000_000)

/** Learns low-rank adapters and leaves the weights as they are. */
export const loraSchema = z.strictObject({
  rank: rankSchema.default(16),
  /** What an adapter says counts alpha / rank times. @default twice the rank */
  alpha: alphaSchema.optional(),
  /** alpha / √rank instead. */
  rslora: z.boolean().default(false),
  dropout: z.number().min(0).max(0.99).default(0),
  /** all-linear: every linear layer of the parts in train.tunable, but not the head. */
  target: moduleNames.default("all-linear"),
  exclude: moduleNames.optional(),
  /** Other ranks and alphas, by patterns of names. */
  rank_pattern: z.record(z.string(), rankSchema).default({}),
  alpha_pattern: z.record(z.string(), alphaSchema).default({}),
  /** Endings of modules whose weights are learned whole and stored with the adapter, such as a connector. */
  modules_to_save: z.array(z.string().min(1).max(1000)).max(1000).default([]),
})

export const lossSchema = z.strictObject({
  /** samples: the mean of the losses of the samples, as the authors; tokens: of all tokens of a step. @default the paradigm's */
  per: z.enum(["samples", "tokens"]).optional(),
})

/** What a language model is given to see with. */
export const visionSchema = z.strictObject({
  /** A folder or a hub id. */
  tower: modelSchema,
  connector: z.string().default("mlp2x_gelu").superRefine(refuseConnector),
  /** Which of the tower's hidden states is taken. @default what is usual for its family */
  layer: z.int().min(-1024).max(1024).optional(),
  /** N of anyres_max_N: pictures are cut into tiles. @default each is one */
  anyres: upTo(9999).optional(),
  /** The token that stands for a picture. @default the tokenizer's own, a spare one, or one that is added */
  image_token: z.string().min(1).max(200).optional(),
  layout: z.enum(["transformers", "authors"]).default("transformers"),
})

function refuseConnector(name: string, context: z.core.$RefinementCtx): void {
  try {
    connectorNamed(name)
  } catch (cause) {
    context.addIssue({ code: "custom", message: `${(cause as UserError).message}: ${(cause as UserError).fix}` })
  }
}

const recipeShape = {
  /** The model to start from: a folder or a hub id. With `vision`, a language model. */
  model: modelSchema,
  /** What it is to see with, where it is a language model: a tower, and a new connector. */
  vision: visionSchema.optional(),
  output: pathOf("output folder"),
  loss: lossSchema.prefault({}),
  lora: loraSchema.optional(),
  data: dataSchema,
  train: optimizationSchema.prefault({}),
}

export type TrainingConfig = z.output<z.ZodObject<typeof recipeShape>> & { paradigm: string } & ParadigmSections

/** Of a recipe: a section for every paradigm, and the one that is trained. Made when it is needed, since paradigms may be added. */
export function trainingSchema(): z.ZodType<TrainingConfig> {
  const all = paradigms()
  const sections = all.map(({ name, recipe }) => [sectionKey(name), recipe.prefault({})])
  const schema = z.strictObject({
    ...recipeShape,
    paradigm: z.enum(all.map(({ name }) => name) as [string, ...string[]]).default(DEFAULT_PARADIGM),
    ...(Object.fromEntries(sections) as Record<string, z.ZodType>),
  })
  return (schema as unknown as z.ZodType<TrainingConfig>).superRefine((recipe, context) => {
    const { data, train } = recipe
    const { paradigm, section } = chosenParadigm(recipe)
    const rules: [broken: boolean, path: string[], what: string][] = [
      [
        (data.min_pixels ?? 0) > (data.max_pixels ?? Number.POSITIVE_INFINITY),
        ["data", "min_pixels"],
        `${data.min_pixels} is above data.max_pixels, ${data.max_pixels}`,
      ],
      [
        data.task_mixture !== undefined && data.sampler !== "grouped",
        ["data", "task_mixture"],
        `counts only with data.sampler: grouped, which is ${data.sampler}`,
      ],
      [
        data.feature_cache !== undefined && data.augment !== undefined,
        ["data", "feature_cache"],
        "cannot be used with data.augment: no picture would come twice",
      ],
      [
        data.feature_cache !== undefined && train.tunable.includes("vision"),
        ["data", "feature_cache"],
        `cannot be used while the tower learns, whose features would change with every step: leave vision out of train.tunable, which is [${train.tunable.join(", ")}]`,
      ],
      [
        train.micro_batch_size * train.accumulate > 1 << 20,
        ["train", "micro_batch_size"],
        `times train.accumulate, ${train.accumulate}, is more than ${1 << 20} samples a step`,
      ],
    ]
    for (const key of ["learning_rate", "vision_learning_rate", "projector_learning_rate"] as const)
      rules.push([
        (train[key] ?? 0) * train.weight_decay >= 1,
        ["train", key],
        `times train.weight_decay, ${train.weight_decay}, must be below 1: each step would turn the weights around`,
      ])
    for (const [path, what] of paradigm.problems?.(section, { maxLength: data.max_length }) ?? [])
      rules.push([true, [sectionKey(paradigm.name), ...path], what])
    for (const [broken, path, message] of rules) if (broken) context.addIssue({ code: "custom", path, message })
  })
}

/** The paradigm of a recipe, with its section. */
export function chosenParadigm(config: Pick<TrainingConfig, "paradigm">): { paradigm: AnyParadigm; section: object } {
  const paradigm = paradigmNamed(config.paradigm)
  return { paradigm, section: (config as unknown as Record<string, object>)[sectionKey(paradigm.name)] }
}

export type AugmentConfig = z.output<typeof augmentSchema>
