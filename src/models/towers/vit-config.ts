/** The configuration of a plain vision transformer, CLIP's or SigLIP's, in transformers' keys. */

import { z } from "zod"
import type { Json } from "../../checkpoint/json.js"
import { check } from "../../checkpoint/schema-check.js"
import { heads, layers, normEps, size, upTo } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { ACTIVATIONS, type Activation } from "../../nn/mlp.js"
import type { ConfigPlace, TowerConfig } from "./tower.js"

export interface VitConfig extends TowerConfig {
  intermediateSize: number
  layers: number
  heads: number
  patchSize: number
  normEps: number
  activation: Activation
  /** A norm before the first layer, and patches embedded without a bias: CLIP's. */
  preNorm: boolean
  /** Attention pooling behind the post norm: SigLIP's. No connector uses it, but files have its weights. */
  head: boolean
  /**
   * Each patch but the first of a row and of a column gets the position before its own, as transformers 4.57 computes
   * SmolVLM and Idefics3 in float32. They were trained without the shift.
   */
  shiftedPositions?: boolean
}

/** What a family's library takes for keys that are absent, and what no key says. */
export interface VitFacts {
  family: string
  defaults: Record<(typeof SIZES)[number], number> & { hidden_act: Activation; layer_norm_eps: number }
  classToken: boolean
  preNorm: boolean
  head(json: Json): boolean
}

const SIZES = [
  "hidden_size",
  "intermediate_size",
  "num_hidden_layers",
  "num_attention_heads",
  "image_size",
  "patch_size",
] as const

const schema = z.looseObject({
  hidden_size: size.optional(),
  intermediate_size: size.optional(),
  num_hidden_layers: layers.optional(),
  num_attention_heads: heads.optional(),
  image_size: upTo(16384).optional(),
  patch_size: upTo(1024).optional(),
  // Pictures have three colours.
  num_channels: z.literal(3).nullish(),
  hidden_act: z.enum(Object.keys(ACTIVATIONS) as [Activation, ...Activation[]]).optional(),
  layer_norm_eps: normEps.optional(),
  attention_dropout: z.number().min(0).max(1).nullish(),
  vision_use_head: z.boolean().nullish(),
})

/** @throws UserError naming the key that cannot be right */
export function readVit(raw: Json, { key, where }: ConfigPlace, facts: VitFacts): VitConfig {
  const json = { ...facts.defaults, ...check(schema, raw, key, where) }
  const { hidden_size, num_attention_heads, image_size, patch_size } = json
  const named = (name: string): string => (key === "" ? name : `${key}.${name}`)
  if (hidden_size % num_attention_heads !== 0)
    throw new UserError(
      `${named("hidden_size")} ${hidden_size} does not divide into ${named("num_attention_heads")} ${num_attention_heads}`,
      { where },
    )
  if (patch_size > image_size)
    throw new UserError(`${named("patch_size")} ${patch_size} is more than ${named("image_size")} ${image_size}`, {
      where,
    })
  // Pixels that fill no patch are left out, as the published towers do.
  const side = Math.floor(image_size / patch_size)
  return {
    family: facts.family,
    hiddenSize: hidden_size,
    tileSize: image_size,
    grid: [side, side],
    classTokens: facts.classToken ? 1 : 0,
    hiddenStates: json.num_hidden_layers + 1,
    intermediateSize: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads: num_attention_heads,
    patchSize: patch_size,
    normEps: json.layer_norm_eps,
    activation: json.hidden_act,
    preNorm: facts.preNorm,
    head: facts.head(raw),
    raw,
  }
}

/** vision_config as it was read, with what may have changed. */
export function writeVit({ raw, layers, head, family }: VitConfig, modelType: string): Json {
  return {
    ...raw,
    model_type: raw.model_type ?? modelType,
    num_hidden_layers: layers,
    ...(family === "siglip" && !head && { vision_use_head: false }),
  }
}
