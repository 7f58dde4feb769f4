/** What the program knows of a way to train and decode a language model: one object each. Knows no architecture. */

import type { z } from "zod"
import type { ModelConfig } from "../checkpoint/config.js"
import type { GenerationConfig } from "../checkpoint/generation-config.js"
import type { Json } from "../checkpoint/json.js"
import type { LanguageModel } from "../models/types.js"
import type { Encoded, LearnedTokens } from "../text/conversation.js"
import type { ImageSpan } from "../text/image-span.js"
import type { SequenceLayout } from "../text/layout.js"
import type { Tokenizer } from "../text/tokenizer/tokenizer.js"
import type { LossUnit, Objective, TrainingBatch } from "./batch.js"
import type { Constraint } from "./constraint.js"
import type { Decoding } from "./decode-loop.js"
import type { DecodingOptions } from "./decoding-options.js"
import type { DecodingReport } from "./decoding-report.js"
import type { LikelihoodPlan } from "./likelihood/plan.js"
import type { Prompt } from "./prompt.js"
import type { UniformSource } from "./sampling.js"

/** A model that is opened for decoding, as far as a paradigm looks at it. */
export interface OpenedModel {
  folder: string
  config: ModelConfig
  /** Ids that end an answer. */
  eos: readonly number[]
  tokenizer: Pick<Tokenizer, "encode" | "tokenBytes">
  /** How the model wants to be decoded, as its folder says. */
  generation: GenerationConfig
}

/** What every decoder is told, whatever else its paradigm asks for. */
export interface DecodingSettings {
  /** Ids that end an answer. */
  eos: readonly number[]
  /** Tokens to generate at most. */
  genLength: number
  /** A prediction of it leaves its position masked. */
  maskToken?: number
  /** The format that the answer must have; given wherever one is asked for. */
  constraint?: Constraint
  /** Sequences of tokens; the answer ends before the first that is found in it. */
  stop?: readonly (readonly number[])[]
}

/** An estimate of the bound on a likelihood that a diffusion model's training lowers: the mean over all orders of decoding. */
export interface LikelihoodBound {
  /** Samples of noise, of which it is the mean. */
  samples: number
  /** The same samples for the same seed, whatever is computed beside them. */
  seed: number
}

/** `maxTokens`: positions of an answer, where the paradigm sees how many there are. */
export interface LikelihoodOptions extends DecodingOptions {
  /** Of paradigms that mask; the others' likelihood is exact in one order, the only one there is. @default exact */
  bound?: LikelihoodBound
}

export interface ObjectiveOptions<R> {
  /** The paradigm's section of the recipe. */
  recipe: R
  /** What the loss is a mean over. */
  per: LossUnit
  /** Stands for what is hidden; every paradigm that masks is given one. */
  maskToken?: number
  /** Source of all randomness, in [0, 1). */
  uniform: UniformSource
  /** Part of the training that is done, 0 to 1. @default 1: as at its end */
  progress?: number
}

export type ObjectiveFunction<R> = (
  model: LanguageModel,
  batch: TrainingBatch,
  options: ObjectiveOptions<R>,
) => Objective

/** How a sample is cut to the sequence that is trained on. */
export interface LayoutSettings {
  maxLength: number
  /** What each image stands for, in order. */
  imageSpans: readonly ImageSpan[]
  config: ModelConfig
}

/**
 * @typeParam R its section of a training recipe, defaults filled in
 * @typeParam S its decoder's settings
 */
export interface Paradigm<R extends object = object, S extends DecodingSettings = DecodingSettings> {
  /** As recipes and config.json call it, such as "block-diffusion". */
  readonly name: string
  /** Such as "a block-diffusion model": for sentences. */
  readonly noun: string
  /** Whether tokens are hidden behind a mask token, which the model then needs. */
  readonly masks: boolean
  /** An answer is computed at the whole length that is asked for, in whole blocks: of another length it is another answer. @default false */
  readonly wholeAnswer?: boolean
  /** What the loss is a mean over when a recipe does not say. */
  readonly per: LossUnit

  /** Its section of a training recipe, at the key `sectionKey(name)`. */
  readonly recipe: z.ZodType<R>
  /** What is wrong with a section beside the rest of a recipe: [path within the section, sentence]. */
  problems?(recipe: R, beside: { maxLength: number }): (readonly [path: string[], what: string])[]
  /**
   * What config.json records of a training: options in the words of the recipe, none left out that was chosen.
   * @param recipe its defaults if not given
   */
  record(recipe?: Partial<R>): Json
  /** @throws UserError for recorded options that cannot be right, or of which the model has none that it needs */
  check(config: ModelConfig, where?: string): void

  /** @throws UserError when the model lacks what training needs */
  checkTraining?(config: ModelConfig, where?: string): void
  /** Which tokens of a conversation are learned, where the recipe says. */
  learn?(recipe: R): LearnedTokens
  /**
   * What becomes of a conversation before pictures take their places in it.
   * @throws UserError when images are missing
   */
  arrange?(encoded: Encoded, recipe: R, settings: LayoutSettings): Encoded
  /** @throws UserError when images are missing, or nothing of an answer is left */
  layOut(encoded: Encoded, recipe: R, settings: LayoutSettings): SequenceLayout
  readonly objective: ObjectiveFunction<R>
  /** Why a whole training may have had nothing to learn: [sentence, how to mend it where that is the recipe's]. */
  readonly nothingLearned: readonly [what: string, fix?: string]

  /** Options of decoding that not every paradigm has. */
  readonly options: readonly (keyof DecodingOptions)[]
  /** @throws UserError for options that cannot be used together; each by itself is in its range */
  checkOptions?(options: DecodingOptions): void
  /** @throws UserError when the model's own wishes cannot be used, whatever is asked */
  checkGeneration?(model: Omit<OpenedModel, "eos">): void
  /** Ids that end an answer of the model. */
  ends(model: Omit<OpenedModel, "eos">): readonly number[]
  /**
   * How the model decodes: as it is asked to, else as it wants, else as its kind does.
   * @throws UserError when the model's own settings cannot be used with this prompt
   */
  settings(model: OpenedModel, options: DecodingOptions, promptTokens: number, report: DecodingReport): S
  /** @throws RangeError for settings outside their range */
  decode(prompt: Pick<Prompt, "ids">, settings: S & { uniform?: UniformSource }): Decoding
  /**
   * What must be computed to know log p(answer | prompt) of each answer.
   * @throws RangeError for options outside their range
   */
  likelihoods(
    prompt: Pick<Prompt, "ids">,
    answers: readonly Int32Array[],
    config: ModelConfig,
    options: LikelihoodOptions,
  ): LikelihoodPlan
}

/** The key of a paradigm's section in a recipe: block_diffusion. */
export const sectionKey = (name: string): string => name.replaceAll("-", "_")
