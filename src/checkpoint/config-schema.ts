/** What may stand in config.json, key by key, as zod schemas, and problems with it as one sentence. */
import { z } from "zod"
import { UserError } from "../errors.js"

const size = z.int().positive()
const token = z.int().nonnegative().nullish()
const rope = z.looseObject({
  type: z.enum(["default", "mrope"]).nullish(),
  rope_type: z.enum(["default", "mrope"]).nullish(),
  rope_theta: z.number().positive().nullish(),
  mrope_section: z.tuple([size, size, size]).nullish(),
})
export const textSchema = z.looseObject({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  hidden_act: z.literal("silu").nullish(),
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: rope.nullish(),
  rope_parameters: rope.nullish(),
  max_position_embeddings: size.nullish(),
  use_sliding_window: z.literal(false).nullish(),
  bos_token_id: token,
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative()).min(1)]).nullish(),
  pad_token_id: token,
})
// The 3B upload lists only some vision keys; the rest are the library's defaults.
export const visionSchema = z.looseObject({
  depth: size.default(32),
  hidden_size: size,
  num_heads: size.default(16),
  intermediate_size: size.default(3420),
  patch_size: size.default(14),
  temporal_patch_size: size.default(2),
  spatial_merge_size: size.default(2),
  window_size: size.default(112),
  fullatt_block_indexes: z.array(z.int().nonnegative()).default([7, 15, 23, 31]),
  out_hidden_size: size,
  in_channels: size.nullish(),
  in_chans: size.nullish(),
  tokens_per_second: z.number().positive().default(4),
  hidden_act: z.literal("silu").default("silu"),
})
export const sharedSchema = z.looseObject({
  image_token_id: token,
  video_token_id: token,
  vision_start_token_id: token,
  vision_end_token_id: token,
  mask_token_id: token,
  tie_word_embeddings: z.boolean().nullish(),
  min_pixels: size.nullish(),
  max_pixels: size.nullish(),
  enable_bd3lm: z.boolean().nullish(),
  bd3lm_block_size: size.nullish(),
  bd3lm_token_shift: z.enum(["same", "next"]).nullish(),
  bd3lm_block_aligned_eos: z.boolean().nullish(),
  bd3lm_antithetic_sampling: z.boolean().nullish(),
  bd3lm_sampling_eps_min: z.number().min(0).max(1).nullish(),
  bd3lm_sampling_eps_max: z.number().min(0).max(1).nullish(),
})
/** @throws UserError listing every key that cannot be right. `at` is the key that `value` stands under. */
export function check<T>(schema: z.ZodType<T>, value: unknown, at: string, where?: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map(
    (issue) => `${[at, ...issue.path].filter((key) => key !== "").join(".")}: ${issue.message}`,
  )
  throw new UserError(issues.join("; "), { where })
}
