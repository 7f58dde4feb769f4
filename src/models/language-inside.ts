/** The language model inside a vision-language model: read, written, named and built by its own family. */

import type { ModelConfig, TokenConfig } from "../checkpoint/config.js"
import type { ElementType } from "../checkpoint/element-types.js"
import type { Json } from "../checkpoint/json.js"
import type { RenameRule } from "../checkpoint/layout.js"
import { paradigmJson } from "../checkpoint/paradigm-record.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import type { DType } from "../torch/index.js"
import type { ConfigFiles } from "./architecture.js"
import { AUTOREGRESSIVE } from "./published-paradigms.js"
import { architectureOf, architectureOfType, architectures } from "./registered.js"
import type { LanguageModel } from "./types.js"
import type { WeightSource } from "./weight-source.js"

/** A model around a language model of any family. */
export interface OuterConfig extends ModelConfig {
  /** Family of the language model. */
  language: string
  tokens: TokenConfig & { imagePad: number }
}

/**
 * The language model that `text_config` describes; ids of tokens may stand beside it.
 * @param usual model_type of its family, where the file does not say
 * @throws UserError naming the key that cannot be right
 */
export function readLanguage(raw: Json, files: ConfigFiles, usual: string): Omit<OuterConfig, "family"> {
  const { where } = files
  const text = raw.text_config
  if (typeof text !== "object" || text === null || Array.isArray(text))
    throw new UserError(
      `text_config is ${text === undefined ? "missing" : shown(text)}: it describes the language model`,
      { where },
    )
  const type = (text as Json).model_type ?? usual
  const family = architectureOfType(type)
  if (!family || family.images)
    throw new UserError(`text_config.model_type is ${shown(type)}: no such language model is supported`, {
      where,
      fix: `supported are ${architectures()
        .flatMap(({ images, modelTypes }) => (images ? [] : modelTypes))
        .join(", ")}`,
    })
  const { family: language, ...rest } = family.read(raw, files)
  return { ...rest, language, raw, tokens: rest.tokens as OuterConfig["tokens"] }
}

export const buildLanguage = (
  config: ModelConfig & Pick<OuterConfig, "language">,
  weights: WeightSource,
  dtype: DType,
): LanguageModel =>
  architectureOf({ family: config.language }).build({ ...config, family: config.language }, weights, dtype)

/** Names of the language model: those that its users write, and those of other releases, which are read. */
export function languageRules(
  written: "language_model.model" | "model.language_model" | "model.text_model",
): RenameRule[] {
  const bodies = ["language_model.model", "model.language_model", "model.text_model"]
  const heads =
    written === "language_model.model" ? ["language_model.lm_head", "lm_head"] : ["lm_head", "language_model.lm_head"]
  const first = [...bodies].sort((a, b) => Number(b === written) - Number(a === written))
  return [...first.map((stored) => [stored, "model"]), ...heads.map((stored) => [stored, "lm_head"])].map(
    ([stored, canonical]) => ({
      stored: `${stored}.*`,
      canonical: `${canonical}.*`,
      ...(stored !== written && stored !== heads[0] && { readOnly: true }),
    }),
  )
}

/** What a text_config leaves to the whole model. */
const SAID_OUTSIDE = [
  "diffusionvl",
  "mask_token_id",
  "dtype",
  "torch_dtype",
  "auto_map",
  "transformers_version",
  "_name_or_path",
]

/** text_config of a language model: what its own family writes, but for what is said of the whole. */
export function textConfig(language: ModelConfig): Json {
  const family = architectureOf(language)
  const written = Object.entries(family.write(language, "float32")).filter(([key]) => !SAID_OUTSIDE.includes(key))
  const json = Object.fromEntries(written)
  return { ...json, model_type: json.model_type ?? family.modelTypes[0], tie_word_embeddings: language.text.tie }
}

/** config.json as it was read, with what translating changes: the vocabulary, the mask and the paradigm. */
export function writeOuter(config: OuterConfig, dtype: ElementType): Json {
  const { raw, language, tokens, paradigm } = config
  const inner = raw.text_config as Json
  // Of such models none is published in another.
  const published = AUTOREGRESSIVE
  const namesMask = raw.mask_token_id != null || paradigm.name !== published.name
  return {
    ...raw,
    text_config: { ...inner, ...textConfig({ ...config, family: language, raw: inner }) },
    dtype,
    torch_dtype: dtype,
    ...(namesMask && tokens.mask !== undefined && { mask_token_id: tokens.mask }),
    ...paradigmJson(paradigm, published.name),
  }
}
