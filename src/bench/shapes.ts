/** Model shapes the benchmarks run at, with random weights. */

import type { ModelConfig } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import { normaliseConfig } from "../models/read-config.js"
import { shown } from "../readable.js"

interface Shape {
  hiddenSize: number
  intermediateSize: number
  layers: number
  heads: number
  kvHeads: number
  vocabSize: number
  tie: boolean
}

const SHAPES: Record<string, Shape> = {
  tiny: { hiddenSize: 128, intermediateSize: 320, layers: 3, heads: 4, kvHeads: 2, vocabSize: 2048, tie: true },
  "smollm2-135m": {
    hiddenSize: 576,
    intermediateSize: 1536,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    vocabSize: 49152,
    tie: true,
  },
  "qwen2.5-vl-3b": {
    hiddenSize: 2048,
    intermediateSize: 11008,
    layers: 36,
    heads: 16,
    kvHeads: 2,
    vocabSize: 151936,
    tie: true,
  },
  "qwen2.5-vl-7b": {
    hiddenSize: 3584,
    intermediateSize: 18944,
    layers: 28,
    heads: 28,
    kvHeads: 4,
    vocabSize: 152064,
    tie: false,
  },
}

export function shapeOf(name: string): Shape {
  const shape = Object.hasOwn(SHAPES, name) ? SHAPES[name] : undefined
  if (!shape)
    throw new UserError(`unknown shape ${shown(name)}`, {
      where: "--shape",
      fix: `choose one of: ${Object.keys(SHAPES).join(", ")}`,
    })
  return shape
}

/** A block-diffusion model of this shape with the smallest vision tower: the benchmarks measure the language model. */
export function configOf(name: string): ModelConfig {
  const s = shapeOf(name)
  const section = s.hiddenSize / s.heads / 2
  return normaliseConfig({
    model_type: "diffusionvl_qwenvl",
    hidden_size: s.hiddenSize,
    intermediate_size: s.intermediateSize,
    num_hidden_layers: s.layers,
    num_attention_heads: s.heads,
    num_key_value_heads: s.kvHeads,
    vocab_size: s.vocabSize,
    tie_word_embeddings: s.tie,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    max_position_embeddings: 8192,
    rope_scaling: {
      type: "mrope",
      mrope_section: [section - 2 * Math.floor(section / 3), Math.floor(section / 3), Math.floor(section / 3)],
    },
    bos_token_id: 0,
    eos_token_id: 1,
    image_token_id: 2,
    video_token_id: 3,
    vision_start_token_id: 4,
    vision_end_token_id: 5,
    mask_token_id: s.vocabSize - 1,
    enable_bd3lm: true,
    bd3lm_block_size: 8,
    vision_config: {
      depth: 1,
      hidden_size: 64,
      num_heads: 2,
      intermediate_size: 64,
      patch_size: 14,
      spatial_merge_size: 2,
      window_size: 112,
      fullatt_block_indexes: [0],
      out_hidden_size: s.hiddenSize,
    },
  })
}
