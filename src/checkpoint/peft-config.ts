/** adapter_config.json as PEFT writes it: what a LoRA adapter is, and what of PEFT's options would make it another computation. */

import path from "node:path"
import { z } from "zod"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { type Json, readJsonObject } from "./json.js"
import { check } from "./schema-check.js"

export const ADAPTER_CONFIG = "adapter_config.json"

/** Which modules, by their names in transformers: a list of endings, or a regular expression for the whole name. */
export type ModuleNames = string | readonly string[]

/** A LoRA adapter in PEFT's words. */
export interface LoraSettings {
  /** A folder or hub id; absent where the file does not say. */
  base?: string
  revision?: string
  rank: number
  alpha: number
  dropout: number
  /** Scale by alpha / √rank instead of alpha / rank. */
  rsLora: boolean
  /** "all-linear" is every linear layer but the head. */
  target: ModuleNames
  exclude?: ModuleNames
  /** Of modules whose names match a pattern; the first counts. */
  rankPattern: Readonly<Record<string, number>>
  alphaPattern: Readonly<Record<string, number>>
  /** Endings of modules whose weights are learned whole. */
  modulesToSave: readonly string[]
  /** Rows of the input embedding that are learned. */
  tokens: readonly number[]
  /** Only some layers have adapters. */
  someLayers?: boolean
  /** Of a tied model, what is learned of the embedding is meant for the head too. */
  keepsTie?: boolean
}

const rank = z.int().min(1).max(65_536)
const alpha = z.number().min(0).max(1e9)
const names = z.array(z.string().min(1).max(1000)).max(100_000)
const tokenIds = z.array(z.int().min(0)).max(1 << 20)

const schema = z.looseObject({
  peft_type: z.string(),
  base_model_name_or_path: z.string().max(4096).nullish(),
  revision: z.string().max(1000).nullish(),
  r: rank,
  lora_alpha: alpha,
  lora_dropout: z.number().min(0).lt(1).nullish(),
  use_rslora: z.boolean().nullish(),
  target_modules: z.union([z.string().min(1).max(100_000), names]).nullish(),
  exclude_modules: z.union([z.string().max(100_000), names]).nullish(),
  rank_pattern: z.record(z.string(), rank).nullish(),
  alpha_pattern: z.record(z.string(), alpha).nullish(),
  modules_to_save: names.nullish(),
  trainable_token_indices: z.union([tokenIds, z.record(z.string(), tokenIds)]).nullish(),
  ensure_weight_tying: z.boolean().nullish(),
  layers_to_transform: z.unknown(),
})

/** How PEFT began, for what and with which version: no part of what is computed. */
const IMMATERIAL = new Set([
  "auto_mapping",
  "eva_config",
  "inference_mode",
  "layers_pattern",
  "lora_ga_config",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "runtime_config",
  "task_type",
])
/** Ways to begin that leave the base model as it is. Others (pissa, olora, corda, loftq) change it. */
const PLAIN_STARTS: readonly unknown[] = [true, false, "gaussian", "orthogonal", "eva", "lora_ga"]

/**
 * @throws UserError for another method than LoRA, and for an option that would compute something else, by name
 */
export function readAdapterConfig(folder: string): LoraSettings {
  const where = path.join(folder, ADAPTER_CONFIG)
  const json = readJsonObject(where)
  const refused = (what: string): UserError =>
    new UserError(`${what}, which is not supported`, { where, fix: "use a LoRA adapter, or merge this one with PEFT" })
  if (typeof json.peft_type === "string" && json.peft_type !== "LORA")
    throw refused(`the adapter is ${shown(json.peft_type)}, not LORA`)
  const checked = check(schema, json, "", where)
  if (json.use_dora === true) throw refused("the adapter is a DoRA (use_dora)")
  const bias = json.bias ?? "none"
  if (bias !== "none") throw refused(`the adapter learned biases (bias: ${shown(bias)})`)
  const start = json.init_lora_weights ?? true
  if (!PLAIN_STARTS.includes(start))
    throw refused(`the adapter began with a changed base model (init_lora_weights: ${shown(start)})`)
  for (const [key, value] of Object.entries(json))
    if (!(key in schema.shape || KNOWN.has(key) || IMMATERIAL.has(key)) && !isEmpty(value))
      throw refused(`the adapter has the option ${shown(key)}`)
  return settingsOf(checked, where)
}

const KNOWN = new Set(["use_dora", "bias", "init_lora_weights"])

const isEmpty = (value: unknown): boolean =>
  value == null || value === false || (typeof value === "object" && Object.keys(value).length === 0)

function settingsOf(json: z.output<typeof schema>, where: string): LoraSettings {
  const { base_model_name_or_path: base, revision, exclude_modules: exclude } = json
  return {
    ...(base && { base }),
    ...(revision && { revision }),
    rank: json.r,
    alpha: json.lora_alpha,
    dropout: json.lora_dropout ?? 0,
    rsLora: json.use_rslora ?? false,
    target: json.target_modules ?? [],
    ...(exclude?.length && { exclude }),
    rankPattern: json.rank_pattern ?? {},
    alphaPattern: json.alpha_pattern ?? {},
    modulesToSave: json.modules_to_save ?? [],
    tokens: tokensOf(json.trainable_token_indices ?? [], where),
    ...(json.layers_to_transform != null && { someLayers: true }),
    ...(json.ensure_weight_tying && { keepsTie: true }),
  }
}

/** A list, or lists by the layer; only those of the input embedding (and the head that is tied to it) can be learned here. */
function tokensOf(given: readonly number[] | Readonly<Record<string, readonly number[]>>, where: string): number[] {
  if (Array.isArray(given)) return eachOnce(given, where)
  const lists = Object.entries(given as Record<string, number[]>)
  const other = lists.find(([name]) => !/(^|\.)(embed_tokens|wte|word_embeddings)$/.test(name))
  if (lists.length > 1 || other)
    throw new UserError(
      `trainable_token_indices of ${shown((other ?? lists[1])[0])} are not supported: only those of the input embedding`,
      { where },
    )
  return eachOnce(lists[0]?.[1] ?? [], where)
}

/** @throws UserError for a token that is named twice: which of its rows counts, nobody says */
function eachOnce(tokens: readonly number[], where: string): number[] {
  const seen = new Set<number>()
  const twice = tokens.find((token) => seen.size === seen.add(token).size)
  if (twice === undefined) return [...tokens]
  throw new UserError(`trainable_token_indices names token ${twice} twice`, { where, fix: "name each token once" })
}

/** adapter_config.json for PEFT, of any version that knows the options in use. */
export function adapterConfigJson(settings: LoraSettings, embedding: string, causal: boolean): Json {
  const { exclude, tokens } = settings
  return {
    peft_type: "LORA",
    task_type: causal ? "CAUSAL_LM" : null,
    auto_mapping: null,
    base_model_name_or_path: settings.base ?? null,
    revision: settings.revision ?? null,
    inference_mode: true,
    r: settings.rank,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    use_rslora: settings.rsLora,
    use_dora: false,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    target_modules: settings.target,
    rank_pattern: settings.rankPattern,
    alpha_pattern: settings.alphaPattern,
    modules_to_save: settings.modulesToSave.length > 0 ? settings.modulesToSave : null,
    layers_to_transform: null,
    layers_pattern: null,
    // Older releases refuse keys that they do not know.
    ...(exclude && { exclude_modules: exclude }),
    ...(tokens.length > 0 && { trainable_token_indices: { [embedding]: tokens } }),
  }
}

/** alpha / rank of a module, or alpha / √rank. */
export const scaleOf = ({ rsLora }: LoraSettings, rank: number, alpha: number): number =>
  alpha / (rsLora ? Math.sqrt(rank) : rank)
