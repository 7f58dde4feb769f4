/**
 * What may stand in config.json, key by key, as zod schemas. The limits are far beyond every known model: they keep out
 * numbers that cannot be meant before anything of their size is made.
 */
import { z } from "zod"

const upTo = (maximum: number) => z.int().min(1).max(maximum)
const size = upTo(1 << 24)
const layers = upTo(1024)
const heads = upTo(4096)
const token = z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullish()
const pixels = upTo(2 ** 31)
/** Rotary frequencies are powers of its inverse, in float32. */
const theta = z.number().min(1).max(1e15)
/** One id or several. */
export const tokens = z.union([z.int().min(0), z.array(z.int().min(0)).min(1).max(1024)])
const rope = z.looseObject({
  type: z.enum(["default", "mrope"]).nullish(),
  rope_type: z.enum(["default", "mrope"]).nullish(),
  rope_theta: theta.nullish(),
  mrope_section: z.tuple([size, size, size]).nullish(),
})
export const textSchema = z.looseObject({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: heads.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  hidden_act: z.literal("silu").nullish(),
  // Added to a mean square: larger ones drown the values, smaller ones are 0 in float32.
  rms_norm_eps: z.number().min(1e-20).max(0.1),
  rope_theta: theta.nullish(),
  rope_scaling: rope.nullish(),
  rope_parameters: rope.nullish(),
  max_position_embeddings: upTo(2 ** 31).nullish(),
  use_sliding_window: z.literal(false).nullish(),
  attention_dropout: z.number().min(0).max(1).nullish(),
  bos_token_id: token,
  eos_token_id: tokens.nullish(),
  pad_token_id: token,
})
// The 3B upload lists only some vision keys; the rest are the library's defaults.
export const visionSchema = z.looseObject({
  depth: layers.default(32),
  hidden_size: size,
  num_heads: heads.default(16),
  intermediate_size: size.default(3420),
  patch_size: upTo(1024).default(14),
  temporal_patch_size: upTo(64).default(2),
  spatial_merge_size: upTo(64).default(2),
  window_size: size.default(112),
  fullatt_block_indexes: z.array(z.int().min(0).max(1023)).max(1024).default([7, 15, 23, 31]),
  out_hidden_size: size,
  // Pictures have three colours.
  in_channels: z.literal(3).nullish(),
  in_chans: z.literal(3).nullish(),
  tokens_per_second: z.number().min(1e-3).max(1e6).default(4),
  hidden_act: z.literal("silu").default("silu"),
})
export const sharedSchema = z.looseObject({
  bos_token_id: token,
  eos_token_id: tokens.nullish(),
  pad_token_id: token,
  image_token_id: token,
  video_token_id: token,
  vision_start_token_id: token,
  vision_end_token_id: token,
  mask_token_id: token,
  tie_word_embeddings: z.boolean().nullish(),
  min_pixels: pixels.nullish(),
  max_pixels: pixels.nullish(),
  enable_bd3lm: z.boolean().nullish(),
  bd3lm_block_size: size.nullish(),
  bd3lm_token_shift: z.enum(["same", "next"]).nullish(),
  bd3lm_block_aligned_eos: z.boolean().nullish(),
  bd3lm_antithetic_sampling: z.boolean().nullish(),
  bd3lm_sampling_eps_min: z.number().min(0).max(1).nullish(),
  bd3lm_sampling_eps_max: z.number().min(0).max(1).nullish(),
})
