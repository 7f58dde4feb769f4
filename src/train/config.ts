/** What a training recipe (YAML) may say, with the defaults. Keys are in snake_case, as in Hugging Face files. */

import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { LineCounter, parseDocument } from "yaml"
import { z } from "zod"
import { UserError } from "../errors.js"

const positive = z.number().positive()
const count = z.int().min(1)
const fraction = z.number().min(0).max(1)

export const blockDiffusionSchema = z.strictObject({
  /** D of the paper. */
  block_size: count.default(8),
  /** ordered: as the authors' code (t grows along the sequence); shuffled: the same levels, permuted; uniform: as the paper says. */
  noise: z.enum(["ordered", "shuffled", "uniform"]).default("ordered"),
  /** t lies between these; a narrower range has less variance (Arriola et al. 2025, "clipped" schedules). */
  noise_range: z
    .tuple([fraction, fraction])
    .refine(([low, high]) => low < high, "the second number must be the larger one")
    .refine(([low]) => low > 0, "noise of 0 masks nothing, and its weight 1/t has no value")
    .default([0.001, 1]),
  /** same: row i predicts token i (the authors); next: row i−1 predicts token i, as the autoregressive model did. */
  shift: z.enum(["same", "next"]).default("same"),
  weight: z.enum(["1/t", "one"]).default("1/t"),
  /** Noised copies of each sample in a step; its clean rows and pictures are computed once for all of them. */
  copies: count.default(1),
  /** authors: the template's tokens are masked and learned too, also those of the prompt; answers: only the answers (the paper). */
  learn: z.enum(["authors", "answers"]).default("authors"),
})

export const augmentSchema = z.strictObject({
  scale: z.tuple([positive, positive]).default([1, 1]),
  rotate_degrees: z.number().min(0).default(0),
  shift: fraction.default(0),
  shear: fraction.default(0),
  flip: fraction.default(0),
  hue_radians: z.number().min(0).default(0),
  saturation: fraction.default(0),
  brightness: fraction.default(0),
  /** Probability that a sample that lists overlay pictures (`mix`) is shown half and half with one of them. */
  overlay: fraction.default(0),
})

export const dataSchema = z.strictObject({
  /** LLaVA-format JSON or JSONL. */
  file: z.string(),
  /** Folder that image paths are relative to; the file's own folder if not given. */
  image_root: z.string().optional(),
  max_length: count.default(8192),
  /**
   * true: what the tokenizer's added tokens are written like (<tool_call>, <|box_start|>) is these tokens, as the authors
   * train. false, for records that strangers wrote: it is learned as the characters it is.
   */
  trusted: z.boolean().default(true),
  /** pad: onto a square, as the authors train; native: as they evaluate. */
  image_aspect: z.enum(["pad", "native"]).default("pad"),
  /** Pixels per image; the model's own preprocessor_config.json if not given. */
  min_pixels: count.optional(),
  max_pixels: count.optional(),
  /** pictures: batches of pictures, each with tasks drawn by `mixture`. */
  sampler: z.enum(["modality-length", "shuffle", "pictures"]).default("modality-length"),
  /** For `pictures`: until this part of the training, the probability of each task of a picture. */
  mixture: z.array(z.strictObject({ until: fraction, tasks: z.record(z.string(), fraction) })).optional(),
  augment: augmentSchema.optional(),
})

export const trainablePartsSchema = z
  .array(z.enum(["vision", "projector", "language"]))
  .min(1)
  .default(["vision", "projector", "language"])

export const optimizationSchema = z.strictObject({
  tunable: trainablePartsSchema,
  learning_rate: positive.default(1e-5),
  vision_learning_rate: positive.optional(),
  projector_learning_rate: positive.optional(),
  weight_decay: z.number().min(0).default(0),
  betas: z.tuple([fraction, fraction]).default([0.9, 0.999]),
  eps: positive.default(1e-8),
  max_grad_norm: z.number().min(0).default(1),
  schedule: z.enum(["cosine", "constant"]).default("cosine"),
  warmup_ratio: fraction.default(0.03),
  /** Samples (with the `pictures` sampler: pictures) per forward. */
  micro_batch_size: count.default(1),
  accumulate: count.default(1),
  epochs: positive.default(1),
  max_steps: count.optional(),
  /** A time budget: the schedule follows the clock and training ends with it. */
  max_minutes: positive.optional(),
  dtype: z.enum(["auto", "float32", "bfloat16"]).default("auto"),
  gradient_checkpointing: z.boolean().default(false),
  seed: z.int().min(0).default(42),
  log_every: count.default(1),
  save_every: count.default(800),
  /** Checkpoints kept besides the last. */
  keep: z.int().min(0).default(0),
})

export const trainingSchema = z.strictObject({
  /** The model to start from: a folder or a hub id. */
  model: z.string(),
  output: z.string(),
  paradigm: z.enum(["block-diffusion", "autoregressive"]).default("block-diffusion"),
  block_diffusion: blockDiffusionSchema.prefault({}),
  data: dataSchema,
  train: optimizationSchema.prefault({}),
})

export type TrainingConfig = z.output<typeof trainingSchema>
export type AugmentConfig = z.output<typeof augmentSchema>

/** Parses YAML text against a schema; every problem is named with its line. */
export function parseYaml<T extends z.ZodType>(schema: T, text: string, where: string): z.output<T> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  if (document.errors.length > 0) throw new UserError(document.errors[0].message, { where, fix: "mend the YAML" })
  const parsed = schema.safeParse(document.toJS() ?? {})
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => {
    const path = issue.path as (string | number)[]
    const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined
    const node = document.getIn(unknown === undefined ? path : [...path, unknown], true) as
      | { range?: [number, number, number] }
      | undefined
    const line = node?.range ? `line ${lines.linePos(node.range[0]).line}: ` : ""
    return `${line}${path.length > 0 ? `${path.join(".")}: ` : ""}${issue.message}`
  })
  throw new UserError(problems.join("\n  "), { where, fix: "the recipes folder has examples of every key" })
}

/** Reads a recipe; `overrides` ("train.max_steps=10") win over the file. */
export function readRecipe<T extends z.ZodType>(
  schema: T,
  path: string,
  overrides: readonly string[] = [],
): z.output<T> {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw new UserError("cannot read the recipe", {
      where: path,
      fix: "give the path of a YAML file, such as recipes/qwen2.5-vl-3b.yaml",
      cause,
    })
  }
  const document = parseDocument(text)
  // Says what is wrong with it, and where.
  if (document.errors.length > 0) return parseYaml(schema, text, path)
  for (const override of overrides) {
    const at = override.indexOf("=")
    if (at < 1)
      throw new UserError(`"${override}" is not KEY=VALUE`, {
        where: "--set",
        fix: "for example: --set train.max_steps=100",
      })
    try {
      document.setIn(override.slice(0, at).split("."), parseDocument(override.slice(at + 1)).toJS())
    } catch (cause) {
      throw new UserError(`"${override}" does not fit the recipe`, {
        where: "--set",
        fix: (cause as Error).message,
        cause,
      })
    }
  }
  return parseYaml(schema, overrides.length > 0 ? document.toString() : text, path)
}

/** A training recipe. Relative data paths of the file start at its folder, those of overrides at the working directory. */
export function readTrainingRecipe(path: string, overrides: readonly string[] = []): TrainingConfig {
  // Typed in a shell, a path means what it means there.
  const here = overrides.map((override) => {
    const [, key, value] = /^(data\.(?:file|image_root))=(.+)$/s.exec(override) ?? []
    return key ? `${key}=${JSON.stringify(resolve(value))}` : override
  })
  const config = readRecipe(trainingSchema, path, here)
  const from = (file: string): string => resolve(dirname(path), file)
  const { file, image_root } = config.data
  return {
    ...config,
    data: { ...config.data, file: from(file), ...(image_root !== undefined && { image_root: from(image_root) }) },
  }
}
