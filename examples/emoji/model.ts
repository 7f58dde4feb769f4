/** A small Qwen2.5-VL from scratch: configuration, tokenizer, random weights, in the layout of the published models. */

import { join } from "node:path"
import type { ModelConfig } from "../../src/checkpoint/config.js"
import { writeJson } from "../../src/checkpoint/files.js"
import { makeFolder } from "../../src/make-folder.js"
import { normaliseConfig } from "../../src/models/read-config.js"
import { initialiseWeights } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import { type TrainedTokenizer, trainTokenizer, writeTokenizer } from "./bpe.js"
import type { DemoRecipe } from "./recipe.js"

const PATCH = 14
const MERGE = 2

function demoConfig({ model, data }: DemoRecipe, { ids, rows }: TrainedTokenizer): ModelConfig {
  const { vision, text } = model
  const half = text.width / text.heads / 2
  const side = Math.floor((half * 3) / 8)
  return normaliseConfig({
    model_type: "qwen2_5_vl",
    hidden_size: text.width,
    intermediate_size: text.mlp,
    num_hidden_layers: text.depth,
    num_attention_heads: text.heads,
    num_key_value_heads: text.kv_heads,
    vocab_size: rows,
    tie_word_embeddings: true,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    max_position_embeddings: 1024,
    rope_scaling: { type: "mrope", mrope_section: [half - 2 * side, side, side] },
    bos_token_id: ids["<|endoftext|>"],
    eos_token_id: ids["<|im_end|>"],
    pad_token_id: ids["<|endoftext|>"],
    image_token_id: ids["<|image_pad|>"],
    video_token_id: ids["<|video_pad|>"],
    vision_start_token_id: ids["<|vision_start|>"],
    vision_end_token_id: ids["<|vision_end|>"],
    vision_token_id: ids["<|vision_pad|>"],
    mask_token_id: ids.mask,
    // Every picture is shown at one size.
    min_pixels: data.size ** 2,
    max_pixels: data.size ** 2,
    vision_config: {
      depth: vision.depth,
      hidden_size: vision.width,
      num_heads: vision.heads,
      intermediate_size: vision.mlp,
      out_hidden_size: text.width,
      patch_size: PATCH,
      spatial_merge_size: MERGE,
      temporal_patch_size: 2,
      window_size: 112,
      fullatt_block_indexes: Array.from({ length: vision.depth }, (_, i) => i),
    },
  })
}

/** Writes a model with random weights into `folder`. */
export async function createDemoModel(folder: string, recipe: DemoRecipe, texts: Iterable<string>): Promise<void> {
  const tokenizer = trainTokenizer(texts, recipe.tokenizer.vocabulary)
  const config = demoConfig(recipe, tokenizer)
  makeFolder(folder)
  await writeTokenizer(folder, tokenizer)
  const { pixel_mean: mean, pixel_std: std, embedding_std: embeddingStd, matrix_std: matrixStd } = recipe.model
  const pixels = recipe.data.size ** 2
  await writeJson(join(folder, "preprocessor_config.json"), {
    image_processor_type: "Qwen2VLImageProcessor",
    image_mean: [mean, mean, mean],
    image_std: [std, std, std],
    patch_size: PATCH,
    merge_size: MERGE,
    temporal_patch_size: 2,
    min_pixels: pixels,
    max_pixels: pixels,
  })
  await writeJson(join(folder, "generation_config.json"), {
    eos_token_id: [...config.tokens.eos, config.tokens.pad],
    do_sample: false,
  })
  await saveModel(folder, {
    config,
    parameters: initialiseWeights(config, recipe.training.seed, { std: matrixStd, embeddingStd }),
  })
}
