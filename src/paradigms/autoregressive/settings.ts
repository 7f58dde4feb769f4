/** How an autoregressive model decodes: as transformers' `generate()` with the model's file, unless options say otherwise. */

import { join } from "node:path"
import type { ModelConfig } from "../../checkpoint/config.js"
import type { GenerationConfig, GenerationValues } from "../../checkpoint/generation-config.js"
import { UserError } from "../../errors.js"
import { constraintOf } from "../constraint-of.js"
import { type DecodingOptions, MAX_TOKENS } from "../decoding-options.js"
import type { DecodingReport } from "../decoding-report.js"
import type { OpenedModel } from "../paradigm.js"
import type { AutoregressiveDecoderOptions } from "./decoder.js"
import type { ProcessorOptions } from "./logits-processors.js"
import type { WarperOptions } from "./warpers.js"

/** What transformers keeps when it samples and nobody says. */
const TOP_K = 50

/** [our name, transformers' name, the value that changes nothing] of what only sampling looks at. */
const SAMPLING = [
  ["topK", "top_k", 0],
  ["topP", "top_p", 1],
  ["minP", "min_p", 0],
  ["topH", "top_h", undefined],
  ["typicalP", "typical_p", 1],
  ["epsilonCutoff", "epsilon_cutoff", 0],
  ["etaCutoff", "eta_cutoff", 0],
] as const

export type AutoregressiveSettings = Omit<AutoregressiveDecoderOptions, "uniform"> & { genLength: number }

/**
 * @param promptTokens length of the prompt: the legacy limits max_length and min_length count it in
 * @throws UserError when the model's own settings cannot be used with this prompt
 */
export function autoregressiveSettings(
  model: OpenedModel,
  options: DecodingOptions,
  promptTokens: number,
  report: DecodingReport,
): AutoregressiveSettings {
  const { generation, config, folder } = model
  const { file = "", values, unsupported } = generation
  for (const { key, value, why } of unsupported) report.leaveOut(key, value, file, why, true)
  const genLength = longest(model, options, promptTokens, report)
  const known = withinVocabulary(model, file, values, report)
  const suppressTokens = neverText(config, known.suppress_tokens)
  return {
    eos: model.eos,
    genLength,
    imageToken: config.tokens.imagePad,
    constraint: constraintOf(model, options.format, genLength, {
      report,
      cacheSalt: options.cacheSalt,
      suppress: suppressTokens,
    }),
    ...endedByFormat(options, processors(file, known, options, promptTokens, report), report),
    suppressTokens,
    ...sampling(folder, generation, options, report),
  }
}

/** What is never taken: a model that was trained to hide tokens may still predict its mask, which is no text. */
function neverText({ paradigm, tokens }: ModelConfig, suppressed: number[] | undefined): number[] | undefined {
  if (paradigm.name === "autoregressive") return suppressed
  const { mask, suppress = [] } = tokens
  return [...new Set([...(suppressed ?? []), ...(mask === undefined ? [] : [mask]), ...suppress])]
}

/** A format says itself where an answer may end. */
function endedByFormat({ format }: DecodingOptions, rules: ProcessorOptions, report: DecodingReport): ProcessorOptions {
  if (format === undefined) return rules
  const { minTokens, forcedEos, lengthDecay, ...others } = rules
  for (const [name, value] of Object.entries({ minTokens: minTokens || undefined, forcedEos, lengthDecay })) {
    const setting = report.applied[name]
    if (value === undefined || !setting) continue
    delete report.applied[name]
    report.leaveOut(name, value, setting.from, "the format says where the answer ends")
  }
  return others
}

/** Tokens to generate at most: `max_new_tokens`, else what `max_length` leaves; what a file wants ends with the positions. */
function longest(
  { folder, config, generation }: OpenedModel,
  { maxTokens }: DecodingOptions,
  promptTokens: number,
  report: DecodingReport,
): number {
  const {
    file = "",
    values: { max_new_tokens, max_length },
  } = generation
  const limit = max_new_tokens ?? (max_length === undefined ? undefined : max_length - promptTokens)
  if (limit !== undefined && limit < 1 && maxTokens === undefined)
    throw new UserError(`max_length ${max_length} leaves no room behind the prompt of ${promptTokens} tokens`, {
      where: join(folder, file),
      fix: "ask for a number of tokens (--max-tokens), or set max_new_tokens in the file",
    })
  const room = Math.max(1, config.text.maxPositions - promptTokens)
  return report.choose("maxTokens", [
    ["option", maxTokens],
    [file, limit && Math.min(limit, room)],
    ["default", MAX_TOKENS],
  ])
}

/** Ids without a logit, which change nothing, are told and left out. */
function withinVocabulary(
  { config }: OpenedModel,
  file: string,
  values: GenerationValues,
  report: DecodingReport,
): GenerationValues {
  const { vocabSize } = config.text
  const beyond = (ids: readonly number[]): number[] => ids.filter((id) => id >= vocabSize)
  const why = `the model's vocabulary of ${vocabSize} has no such token`
  const unknownEnds = beyond([values.eos_token_id ?? []].flat())
  if (unknownEnds.length > 0) report.leaveOut("eos_token_id", unknownEnds, file, why)
  const known = { ...values }
  for (const key of ["suppress_tokens", "begin_suppress_tokens"] as const) {
    const ids = values[key]
    const unknown = beyond(ids ?? [])
    if (ids === undefined || unknown.length === 0) continue
    report.leaveOut(key, unknown, file, why)
    if (unknown.length < ids.length) known[key] = ids.filter((id) => id < vocabSize)
    else delete known[key]
  }
  return known
}

function processors(
  file: string,
  values: GenerationValues,
  options: DecodingOptions,
  promptTokens: number,
  report: DecodingReport,
): ProcessorOptions {
  const { min_new_tokens, min_length, forced_eos_token_id } = values
  const least = min_new_tokens ?? (min_length === undefined ? undefined : Math.max(0, min_length - promptTokens))
  const pick = (
    name: "repetitionPenalty" | "noRepeatNgramSize" | "minTokens",
    inFile: number | undefined,
    none: number,
  ) => report.choose(name, [["option", options[name]] as const, [file, inFile] as const], none)
  const fromFile = <T>(name: string, value: T | undefined): T | undefined => report.choose(name, [[file, value]])
  return {
    sequenceBias: fromFile("sequenceBias", values.sequence_bias),
    repetitionPenalty: pick("repetitionPenalty", values.repetition_penalty, 1),
    noRepeatNgramSize: pick("noRepeatNgramSize", values.no_repeat_ngram_size, 0),
    badWords: fromFile("badWords", values.bad_words_ids),
    minTokens: pick("minTokens", least, 0),
    forcedEos: fromFile("forcedEos", forced_eos_token_id === undefined ? undefined : [forced_eos_token_id].flat()),
    lengthDecay: fromFile("lengthDecay", values.exponential_decay_length_penalty),
    suppressTokens: fromFile("suppressTokens", values.suppress_tokens),
    beginSuppressTokens: fromFile("beginSuppressTokens", values.begin_suppress_tokens),
  }
}

/** A temperature that is asked for decides whether tokens are drawn, else `do_sample`. */
function sampling(
  folder: string,
  { file = "", values }: GenerationConfig,
  options: DecodingOptions,
  report: DecodingReport,
): WarperOptions {
  const asked = options.temperature
  if (asked === undefined ? values.do_sample !== true : asked === 0) return greedy(file, values, options, report)
  if (asked === undefined && values.temperature === 0)
    throw new UserError("temperature: with do_sample it must be above 0", {
      where: join(folder, file),
      fix: "set do_sample to false there, or ask for a temperature (--temperature 0 takes the most likely token)",
    })
  const warpers: WarperOptions = {
    temperature: report.choose("temperature", [
      ["option", asked],
      [file, values.temperature],
      ["default", 1],
    ]),
  }
  for (const [name, key, neutral] of SAMPLING)
    warpers[name] = report.choose<number | undefined>(
      name,
      [
        ["option", options[name]],
        [file, values[key]],
        ["default", name === "topK" ? TOP_K : undefined],
      ],
      neutral,
    )
  report.chooseSeed(options.seed)
  return warpers
}

/** The most likely token is taken. What would have shaped the drawing is told, where it was asked for and would have. */
function greedy(
  file: string,
  values: GenerationValues,
  options: DecodingOptions,
  report: DecodingReport,
): WarperOptions {
  const why = "the most likely token is taken, nothing is drawn"
  for (const [name, key, neutral] of SAMPLING) {
    const value = values[key]
    const asked = options[name]
    // Only the most likely token: as it is.
    const changesNothing = (value: unknown): boolean => value === neutral || (name === "topK" && value === 1)
    if (asked !== undefined) {
      if (!changesNothing(asked)) report.leaveOut(name, asked, "option", why)
    } else if (value !== undefined && !changesNothing(value) && !(name === "topK" && value === TOP_K))
      report.leaveOut(key, value, file, why)
  }
  if (options.seed !== undefined) report.leaveOut("seed", options.seed, "option", why)
  const { temperature: inFile = 1 } = values
  if (inFile !== 1 && inFile !== 0) report.leaveOut("temperature", inFile, file, why)
  const temperature = report.choose<number>("temperature", [
    ["option", options.temperature],
    [file, values.do_sample === false ? 0 : undefined],
    ["default", 0],
  ])
  return { temperature }
}
