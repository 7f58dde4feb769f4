/** vision_config of Qwen3-VL, in transformers' keys. */

import { z } from "zod"
import type { Json } from "../../checkpoint/json.js"
import { check } from "../../checkpoint/schema-check.js"
import { heads, layers, size, upTo } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { ACTIVATIONS, type Activation } from "../../nn/mlp.js"
import type { ConfigPlace } from "./tower.js"

export interface Qwen3VisionConfig {
  depth: number
  hiddenSize: number
  heads: number
  intermediateSize: number
  activation: Activation
  patchSize: number
  temporalPatchSize: number
  /** Patches per side that a merger joins into one row of the sequence. */
  mergeSize: number
  /** H, width of the language model. */
  outHiddenSize: number
  /** Entries of the table of positions, which is square. */
  positions: number
  /** Layers whose hidden states go, through a merger each, to the first layers of the language model. */
  deepstackLayers: number[]
  /** Fixed in the architecture, in no config file. */
  normEps: number
  /** Rotary frequencies rounded to bfloat16: of models whose buffers were cast with their weights, as some programs do. */
  ropeRounding?: "bfloat16"
}

const schema = z.looseObject({
  depth: layers.default(27),
  hidden_size: size.default(1152),
  hidden_act: z.enum(Object.keys(ACTIVATIONS) as [Activation, ...Activation[]]).default("gelu_pytorch_tanh"),
  intermediate_size: size.default(4304),
  num_heads: heads.default(16),
  // Pictures have three colours.
  in_channels: z.literal(3).nullish(),
  patch_size: upTo(1024).default(16),
  spatial_merge_size: upTo(64).default(2),
  temporal_patch_size: upTo(64).default(2),
  out_hidden_size: size.default(3584),
  num_position_embeddings: size.default(2304),
  deepstack_visual_indexes: z.array(z.int().min(0).max(1023)).max(1024).default([8, 16, 24]),
})

/** @throws UserError naming the key that cannot be right */
export function readQwen3Vision(raw: Json, { key, where }: ConfigPlace): Qwen3VisionConfig {
  const json = check(schema, raw, key, where)
  const named = (name: string): string => (key === "" ? name : `${key}.${name}`)
  const { hidden_size: hiddenSize, num_heads, depth, deepstack_visual_indexes: deepstackLayers } = json
  if (hiddenSize % (num_heads * 4) !== 0)
    throw new UserError(
      `${named("hidden_size")} ${hiddenSize} does not divide into ${named("num_heads")} ${num_heads} of a width that is a multiple of 4`,
      { where },
    )
  const beyond = deepstackLayers.find((layer) => layer >= depth)
  if (beyond !== undefined)
    throw new UserError(`${named("deepstack_visual_indexes")} names layer ${beyond}, of ${depth} layers`, { where })
  if (new Set(deepstackLayers).size !== deepstackLayers.length)
    throw new UserError(`${named("deepstack_visual_indexes")} names a layer twice`, { where })
  return {
    depth,
    hiddenSize,
    heads: num_heads,
    intermediateSize: json.intermediate_size,
    activation: json.hidden_act,
    patchSize: json.patch_size,
    temporalPatchSize: json.temporal_patch_size,
    mergeSize: json.spatial_merge_size,
    outHiddenSize: json.out_hidden_size,
    positions: json.num_position_embeddings,
    deepstackLayers,
    normEps: 1e-6,
  }
}
