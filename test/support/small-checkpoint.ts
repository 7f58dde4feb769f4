/** Builds small Qwen2.5-VL checkpoints with reproducible weights, for tests that need a model folder. */
import fs from "node:fs"
import path from "node:path"
import { type TensorEntry, type WriteOptions, writeTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import { storedEntries } from "../../src/checkpoint/stored-entries.js"
import { published } from "../../src/models/families/qwen2_5_vl.js"
import { normaliseConfig } from "../../src/models/read-config.js"
import { expectedTensors } from "../../src/models/registry.js"

/** Flat config.json of a published-style model: about 20 000 parameters. */
export function smallConfig(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    architectures: ["Qwen2_5_VLForConditionalGeneration"],
    model_type: "qwen2_5_vl",
    bos_token_id: 1,
    eos_token_id: 2,
    image_token_id: 3,
    video_token_id: 4,
    vision_start_token_id: 5,
    vision_end_token_id: 6,
    vision_token_id: 7,
    hidden_act: "silu",
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    rope_scaling: { type: "default", rope_type: "default", mrope_section: [2, 1, 1] },
    tie_word_embeddings: true,
    torch_dtype: "bfloat16",
    use_sliding_window: false,
    vocab_size: 64,
    vision_config: {
      depth: 2,
      hidden_size: 8,
      intermediate_size: 12,
      num_heads: 2,
      in_chans: 3,
      out_hidden_size: 16,
      fullatt_block_indexes: [1],
      tokens_per_second: 2,
    },
    ...overrides,
  }
}

/** Pseudo-random bf16 bytes that depend on the name alone. */
export function weightBytes(name: string, elements: number): Uint8Array {
  let state = [...name].reduce((hash, char) => (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0, 7)
  const halves = new Uint16Array(elements)
  for (let i = 0; i < elements; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    halves[i] = ((state >>> 31) << 15) | 0x3c00 | ((state >>> 16) & 0x1ff) // magnitudes in 2^-7 to 2^-4
  }
  return new Uint8Array(halves.buffer)
}

/** Entries of all tensors under canonical names. */
export function canonicalEntries(config: Record<string, unknown>): TensorEntry[] {
  return [...expectedTensors(normaliseConfig(config))].map(([name, shape]) => ({
    name,
    dtype: "bfloat16",
    shape: [...shape],
    data: () =>
      weightBytes(
        name,
        shape.reduce((a, b) => a * b, 1),
      ),
  }))
}

/** Entries of all tensors under published names. */
export const publishedEntries = (config: Record<string, unknown>): TensorEntry[] =>
  storedEntries(published, canonicalEntries(config))

/** Writes config.json, weights in the published layout and two small companion files. */
export async function writeSmallModel(
  folder: string,
  config: Record<string, unknown> = smallConfig(),
  options: WriteOptions & { rename?: (name: string) => string } = {},
): Promise<void> {
  const rename = options.rename ?? ((name: string) => name)
  const entries = publishedEntries(config).map((entry) => ({ ...entry, name: rename(entry.name) }))
  await writeTensors(folder, entries, options)
  fs.writeFileSync(path.join(folder, "config.json"), JSON.stringify(config))
  fs.writeFileSync(path.join(folder, "tokenizer_config.json"), '{"model_max_length":128}')
  fs.writeFileSync(path.join(folder, "preprocessor_config.json"), '{"min_pixels":3136,"max_pixels":12544}')
}
