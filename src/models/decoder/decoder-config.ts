/** The configuration of a Llama-like decoder, and how config.json says it, flat or nested, in older and newer words. */

import { z } from "zod"
import type { TextConfig, TokenConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import { check } from "../../checkpoint/schema-check.js"
import { heads, layers, normEps, size, theta, token, tokens, upTo } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { type RopeScaling, yarnAttention } from "../../nn/rope-scaling.js"
import { shown } from "../../readable.js"

export interface DecoderConfig extends TextConfig {
  intermediateSize: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  rmsNormEps: number
  biases: { qkv: boolean; output: boolean; mlp: boolean }
  /** Norms of each head's queries and keys. */
  headNorms?: boolean
  ropeTheta: number
  ropeScaling?: RopeScaling
  /** Rotary frequencies rounded to bfloat16: of models whose buffers were cast with their weights, as some trainers do. */
  ropeRounding?: "bfloat16"
  /** Rotary pairs for time, height and width of M-RoPE; twice their sum is headDim. */
  mropeSection?: [number, number, number]
  /** The axes take turns from pair to pair instead of lying one behind the other. */
  mropeInterleaved?: boolean
  /** DeepStack: pictures add to what comes out of so many first layers. */
  deepstackLayers?: number
  /** Whether each layer knows positions; all do if absent. */
  ropeLayers?: readonly boolean[]
  /** Sliding window of each layer in tokens, null where it sees everything; none has one if absent. */
  windows?: readonly (number | null)[]
}

const positive = z.number().min(1e-6).max(1e6)
const rope = z.looseObject({
  type: z.string().nullish(),
  rope_type: z.string().nullish(),
  rope_theta: theta.nullish(),
  partial_rotary_factor: z.literal(1).nullish(),
  factor: positive.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  original_max_position_embeddings: upTo(2 ** 31).nullish(),
  attention_factor: positive.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  mscale: z.number().min(0).max(100).nullish(),
  mscale_all_dim: z.number().min(0).max(100).nullish(),
  truncate: z.boolean().nullish(),
})

/** The keys that every decoder of this kind has, whatever family is around it. */
export const sizeKeys = {
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: heads.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  hidden_act: z.literal("silu").nullish(),
  rope_theta: theta.nullish(),
  max_position_embeddings: upTo(2 ** 31).nullish(),
}
const decoderSchema = z.looseObject({
  ...sizeKeys,
  rms_norm_eps: normEps.nullish(),
  rope_scaling: rope.nullish(),
  rope_parameters: rope.nullish(),
  partial_rotary_factor: z.literal(1).nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: upTo(2 ** 31).nullish(),
  max_window_layers: z.int().min(0).max(4096).nullish(),
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
  no_rope_layers: z.array(z.union([z.literal(0), z.literal(1)])).nullish(),
  no_rope_layer_interval: upTo(4096).nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  bos_token_id: token,
  eos_token_id: tokens.nullish(),
  pad_token_id: token,
  mask_token_id: token,
})
export type DecoderJson = z.infer<typeof decoderSchema>

/** Keys of config.json that describe the decoder. */
export const DECODER_KEYS: ReadonlySet<string> = new Set(Object.keys(decoderSchema.shape))

/** What a family adds to the common keys: its own facts, and what its library takes for keys that are absent. */
export interface DecoderFacts {
  tie?: boolean
  theta?: number
  maxPositions: number
  headDim?: number
  kvHeads?: number
  headNorms?: boolean
  biases?: (json: DecoderJson) => Partial<DecoderConfig["biases"]>
  ropeLayers?: (json: DecoderJson) => readonly boolean[] | undefined
  windows?: (json: DecoderJson) => readonly (number | null)[] | undefined
}

/** The part of config.json that is about the language model. */
export const textOf = (json: Json): Json => (json.text_config != null ? (json.text_config as Json) : json)

/**
 * The decoder that a config.json describes; where it has a text_config, that decides.
 * @throws UserError naming keys that cannot be right
 */
export function readDecoder(
  raw: Json,
  facts: DecoderFacts,
  where?: string,
): { text: DecoderConfig; tokens: TokenConfig; json: DecoderJson } {
  const under = raw.text_config != null ? "text_config" : ""
  const json = check(decoderSchema, textOf(raw), under, where)
  const maxPositions = json.max_position_embeddings ?? facts.maxPositions
  const ropes = { ...json.rope_scaling, ...ropeParameters(json, under, where) }
  const ropeTheta = ropes.rope_theta ?? json.rope_theta ?? facts.theta ?? 10_000
  const shared = under ? check(sharedSchema, raw, "", where) : json
  const ropeScaling = scalingOf(ropes, maxPositions, where)
  const ropeLayers = facts.ropeLayers?.(json)
  const windows = facts.windows?.(json)
  const text: DecoderConfig = {
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads: json.num_attention_heads,
    // Only an explicit null means one for each head, where the library has a number.
    kvHeads:
      json.num_key_value_heads ??
      (json.num_key_value_heads === null ? undefined : facts.kvHeads) ??
      json.num_attention_heads,
    headDim: json.head_dim ?? facts.headDim ?? json.hidden_size / json.num_attention_heads,
    vocabSize: json.vocab_size,
    tie: json.tie_word_embeddings ?? shared.tie_word_embeddings ?? facts.tie ?? false,
    rmsNormEps: json.rms_norm_eps ?? 1e-6,
    biases: { qkv: false, output: false, mlp: false, ...facts.biases?.(json) },
    ...(facts.headNorms && { headNorms: true }),
    ropeTheta,
    ...(ropeScaling && { ropeScaling }),
    ropeLayers,
    windows,
    maxPositions: stretched(maxPositions, ropeScaling),
  }
  validateDecoder(text, where)
  if (!ropeLayers?.includes(false)) delete text.ropeLayers
  if (!windows?.some((window) => window !== null)) delete text.windows
  return { text, tokens: tokensOf(json, shared), json }
}

/** Newer files may have one for each type of layer; they must be the same here. */
function ropeParameters(json: DecoderJson, under: string, where?: string): z.infer<typeof rope> {
  const given = json.rope_parameters ?? {}
  const perType = (json.layer_types ?? ["full_attention", "sliding_attention"]).filter((type) => given[type] != null)
  const [first, ...others] = new Set(perType.map((type) => JSON.stringify(given[type])))
  if (others.length > 0)
    throw new UserError("rope_parameters differ from one type of layer to the other, which is not supported", { where })
  if (first === undefined) return given
  const key = `${under && `${under}.`}rope_parameters.${perType[0]}`
  return check(rope, JSON.parse(first), key, where)
}

/** How far a model sees: some scalings begin where the positions that config.json names end. */
function stretched(maxPositions: number, scaling: RopeScaling | undefined): number {
  const reach =
    scaling?.type === "dynamic"
      ? maxPositions * scaling.factor
      : scaling?.type === "yarn"
        ? scaling.originalPositions * scaling.factor
        : 0
  return Math.min(2 ** 31, Math.max(maxPositions, Math.floor(reach)))
}

const sharedSchema = z.looseObject({
  tie_word_embeddings: z.boolean().nullish(),
  bos_token_id: token,
  eos_token_id: tokens.nullish(),
  pad_token_id: token,
  mask_token_id: token,
})

function tokensOf(text: z.infer<typeof sharedSchema>, shared: z.infer<typeof sharedSchema>): TokenConfig {
  const [bos, pad, mask] = (["bos_token_id", "pad_token_id", "mask_token_id"] as const).map(
    (key) => text[key] ?? shared[key],
  )
  return {
    ...(bos != null && { bos }),
    eos: [text.eos_token_id ?? shared.eos_token_id ?? []].flat(),
    ...(pad != null && { pad }),
    ...(mask != null && { mask }),
  }
}

/** @throws UserError for numbers that contradict each other */
export function validateDecoder(text: DecoderConfig, where?: string): void {
  const perLayer = (list: readonly unknown[] | undefined): boolean => !list || list.length === text.layers
  const rules: [boolean, string][] = [
    [
      Number.isInteger(text.headDim),
      `hidden_size ${text.hiddenSize} is not a multiple of num_attention_heads ${text.heads}`,
    ],
    [text.headDim % 2 === 0, `head_dim ${text.headDim} is odd: rotary positions turn pairs`],
    [
      text.heads % text.kvHeads === 0,
      `num_attention_heads ${text.heads} is not a multiple of num_key_value_heads ${text.kvHeads}`,
    ],
    [
      text.ropeScaling?.type !== "dynamic" || text.headDim > 2,
      `head_dim ${text.headDim} is too small for dynamic rope scaling`,
    ],
    [
      text.ropeScaling?.type !== "yarn" || text.ropeTheta > 1,
      `rope_theta ${text.ropeTheta} is too small for yarn rope scaling`,
    ],
    [perLayer(text.ropeLayers), `no_rope_layers does not have one entry for each of the ${text.layers} layers`],
    [perLayer(text.windows), `layer_types does not have one entry for each of the ${text.layers} layers`],
  ]
  for (const [holds, sentence] of rules) if (!holds) throw new UserError(sentence, { where })
}

/** @throws UserError for a mask that is no token, or a kind of scaling that is not known */
export function validateMask({ mask }: TokenConfig, { vocabSize }: TextConfig, where?: string): void {
  if (mask !== undefined && mask >= vocabSize)
    throw new UserError(`mask_token_id ${mask} is outside the vocabulary of ${vocabSize}`, { where })
}

function scalingOf(ropes: z.infer<typeof rope>, maxPositions: number, where?: string): RopeScaling | undefined {
  const type = ropes.rope_type ?? ropes.type ?? "default"
  const need = (key: "factor" | "low_freq_factor" | "high_freq_factor"): number => {
    const value = ropes[key]
    if (value == null) throw new UserError(`rope_scaling.${key} is missing: ${type} scaling needs it`, { where })
    return value
  }
  switch (type) {
    case "default":
      return undefined
    case "linear":
      return { type, factor: need("factor") }
    case "dynamic":
      return { type, factor: need("factor"), maxPositions }
    case "llama3": {
      const [lowFactor, highFactor] = [need("low_freq_factor"), need("high_freq_factor")]
      if (lowFactor >= highFactor)
        throw new UserError(`rope_scaling.low_freq_factor ${lowFactor} is not below high_freq_factor ${highFactor}`, {
          where,
        })
      const originalPositions = ropes.original_max_position_embeddings ?? maxPositions
      return { type, factor: need("factor"), lowFactor, highFactor, originalPositions }
    }
    case "yarn": {
      const originalPositions = ropes.original_max_position_embeddings ?? maxPositions
      const factor = ropes.original_max_position_embeddings
        ? (ropes.factor ?? maxPositions / originalPositions)
        : need("factor")
      return {
        type,
        factor,
        originalPositions,
        betaFast: ropes.beta_fast ?? 32,
        betaSlow: ropes.beta_slow ?? 1,
        truncate: ropes.truncate ?? true,
        attentionFactor:
          ropes.attention_factor ?? yarnAttention(factor, ropes.mscale ?? undefined, ropes.mscale_all_dim ?? undefined),
      }
    }
    default:
      throw new UserError(`rope scaling of type ${shown(type)} is not supported`, {
        where,
        fix: "supported are default, linear, dynamic, llama3 and yarn",
      })
  }
}

/** Windows as Qwen2 and later families say them: by `layer_types`, else in layers from `max_window_layers` on. */
export function qwenWindows(json: DecoderJson): (number | null)[] | undefined {
  if (!json.use_sliding_window) return undefined
  const window = json.sliding_window === undefined ? 4096 : json.sliding_window
  const first = json.max_window_layers ?? 28
  const types = json.layer_types
  const slides = (layer: number): boolean => (types ? types[layer] === "sliding_attention" : layer >= first)
  const count = types?.length ?? json.num_hidden_layers
  return window === null ? undefined : Array.from({ length: count }, (_, i) => (slides(i) ? window : null))
}
