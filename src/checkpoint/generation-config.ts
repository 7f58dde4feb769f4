/** generation_config.json: how a model wants to be decoded, read as transformers' `generate()` reads it. */
import path from "node:path"
import { z } from "zod"
import { UserError } from "../errors.js"
import { type Json, readOptionalJson } from "./json.js"
import { check } from "./schema-check.js"
import { tokens } from "./schema-pieces.js"

const id = z.int().min(0)
const ids = z.array(id).max(1 << 20)
const between = (least: number, most: number) =>
  z.custom<number>((value) => typeof value === "number" && value >= least && value <= most, {
    error: `a number between ${least} and ${most}`,
  })
const fraction = between(0, 1)
const aboveZero = z.custom<number>((value) => typeof value === "number" && value > 0 && value <= 1, {
  error: "a number above 0 and at most 1",
})
const count = z
  .int()
  .min(0)
  .max(2 ** 31)
/** Logits are divided by it in float32: what is smaller makes infinities of them, what is larger takes all differences. */
export const temperatureRange = { minimum: 1e-10, maximum: 1e6 }
export const penaltyRange = { minimum: 1e-3, maximum: 1e3 }

const { minimum, maximum } = temperatureRange
const temperature = z.custom<number>(
  (value) => typeof value === "number" && (value === 0 || (value >= minimum && value <= maximum)),
  { error: `0 or a number between ${minimum} and ${maximum}` },
)

/** Sums of biases and logits stay finite in float32. */
const LARGEST_BIAS = 1e30

/** The members that are applied. null is the same as leaving a member out; unknown members are ignored. */
const schema = z.looseObject({
  do_sample: z.boolean().nullish(),
  temperature: temperature.nullish(),
  top_k: count.nullish(),
  top_p: fraction.nullish(),
  min_p: fraction.nullish(),
  top_h: aboveZero.nullish(),
  typical_p: aboveZero.nullish(),
  epsilon_cutoff: fraction.nullish(),
  eta_cutoff: fraction.nullish(),
  repetition_penalty: between(penaltyRange.minimum, penaltyRange.maximum).nullish(),
  no_repeat_ngram_size: count.nullish(),
  bad_words_ids: z.array(ids.min(1)).nullish(),
  sequence_bias: z.array(z.tuple([ids.min(1), between(-LARGEST_BIAS, LARGEST_BIAS)])).nullish(),
  suppress_tokens: ids.nullish(),
  begin_suppress_tokens: ids.nullish(),
  forced_eos_token_id: tokens.nullish(),
  exponential_decay_length_penalty: z.tuple([count, between(penaltyRange.minimum, penaltyRange.maximum)]).nullish(),
  min_new_tokens: count.nullish(),
  min_length: count.nullish(),
  max_new_tokens: count.min(1).nullish(),
  max_length: count.min(1).nullish(),
  eos_token_id: tokens.nullish(),
  remasking_strategy: z.string().nullish(),
  confidence_threshold: fraction.nullish(),
})

type Nullable = z.infer<typeof schema>
type GenerationKey = keyof typeof schema.shape
/** Members that are there, checked. */
export type GenerationValues = { [Key in GenerationKey]?: NonNullable<Nullable[Key]> }

export interface GenerationConfig {
  /** Name of the file the values are from; undefined when the model folder has none of them. */
  file?: string
  values: GenerationValues
  /** Members that would change answers in transformers and that nothing here does, each with a reason. */
  unsupported: { key: string; value: unknown; why: string }[]
}

/** What `generate()` knows beyond that, and when it changes an answer. */
const UNSUPPORTED: [key: string, matters: (value: unknown) => boolean, why: string][] = [
  ["num_beams", (value) => value !== 1, "there is no beam search: one answer is followed"],
  ["num_beam_groups", (value) => value !== 1, "there is no beam search"],
  ["penalty_alpha", (value) => value !== 0, "there is no contrastive search"],
  ["dola_layers", () => true, "there is no DoLa decoding"],
  ["constraints", () => true, "there is no constrained search"],
  ["force_words_ids", () => true, "there is no constrained search"],
  ["guidance_scale", (value) => value !== 1, "there is no classifier-free guidance"],
  ["encoder_repetition_penalty", (value) => value !== 1, "it is not implemented"],
  ["encoder_no_repeat_ngram_size", (value) => value !== 0, "it is not implemented"],
  ["watermarking_config", () => true, "answers are not watermarked"],
  ["stop_strings", () => true, "answers end at end tokens only"],
  ["max_time", () => true, "decoding has no time limit"],
  ["num_return_sequences", (value) => value !== 1, "one answer is given"],
  ["token_healing", (value) => value !== false, "it is not implemented"],
]

/**
 * How a model folder wants to be decoded: from generation_config.json, or where there is none from the legacy members of
 * config.json and of its text_config, as transformers does.
 * @param configJson the content of config.json
 * @throws UserError naming file and key of a value that cannot be right
 */
export function readGenerationConfig(folder: string, configJson: Json = {}): GenerationConfig {
  const file = path.join(folder, "generation_config.json")
  const json = readOptionalJson(file)
  if (json) return normaliseGeneration(json, file)
  const text = configJson.text_config
  const nested = typeof text === "object" && text !== null && !Array.isArray(text) ? (text as Json) : {}
  return normaliseGeneration({ ...present(nested), ...present(configJson) }, path.join(folder, "config.json"))
}

const present = (json: Json): Json => Object.fromEntries(Object.entries(json).filter(([, value]) => value != null))

/** Checks the content of generation_config.json. `file` is named in errors, and tells where values are from. */
export function normaliseGeneration(json: Json, file: string): GenerationConfig {
  const checked = check(schema, json, "", file)
  const known = Object.keys(schema.shape).filter((key) => checked[key] != null)
  const values = Object.fromEntries(known.map((key) => [key, checked[key]])) as GenerationValues
  const unsupported = UNSUPPORTED.filter(([key, matters]) => json[key] != null && matters(json[key])).map(
    ([key, , why]) => ({ key, value: json[key], why }),
  )
  const used = known.length + unsupported.length > 0
  return { ...(used && { file: path.basename(file) }), values, unsupported }
}

/**
 * Ids that transformers, too, leaves without effect where the model has no row for them are no error.
 * @throws UserError for other token ids that the model has no row for, and where no answer could end
 */
export function requireKnownTokens({ values, file = "" }: GenerationConfig, vocabSize: number, folder: string): void {
  const sequences: [GenerationKey, number[]][] = [
    ["bad_words_ids", values.bad_words_ids?.flat() ?? []],
    ["sequence_bias", values.sequence_bias?.flatMap(([sequence]) => sequence) ?? []],
    ["forced_eos_token_id", [values.forced_eos_token_id ?? []].flat()],
  ]
  for (const [key, named] of sequences) {
    const beyond = named.find((token) => token >= vocabSize)
    if (beyond !== undefined)
      throw new UserError(`${key}: token ${beyond} is outside the vocabulary of ${vocabSize}`, {
        where: path.join(folder, file),
      })
  }
  const ends = [values.eos_token_id ?? []].flat()
  if (ends.length > 0 && ends.every((token) => token >= vocabSize))
    throw new UserError(
      `eos_token_id: token ${ends[0]} is outside the vocabulary of ${vocabSize}, so no answer would ever end`,
      { where: path.join(folder, file), fix: "set it to the id of the token that ends the model's answers" },
    )
}
