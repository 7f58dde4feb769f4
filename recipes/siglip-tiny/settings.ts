/** What recipe.yaml may say. */

import { z } from "zod"

const some = z.int().min(1).max(100_000)
const share = z.number().min(0).max(0.9)

export const settingsSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  data: z.strictObject({
    size: z.int().min(16).max(512),
    concepts: z.union([z.literal("all"), some]),
    held_out_concepts: share,
  }),
  /** In the words of SigLIP's vision_config. */
  tower: z.strictObject({
    hidden_size: some,
    intermediate_size: some,
    num_hidden_layers: some,
    num_attention_heads: some,
    patch_size: some,
  }),
  text: z.strictObject({ width: some }),
  steps: some,
  /** Pictures, each of another thing, with their names. */
  batch: some,
  learning_rate: z.number().positive().max(1),
  weight_decay: z.number().min(0).max(1).default(0),
  warmup_ratio: z.number().min(0).max(1).default(0.1),
  save_every: some.default(50),
})

export type Settings = z.output<typeof settingsSchema>
