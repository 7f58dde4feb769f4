/**
 * A tiny random model of every family that is registered, in a folder that can be asked, trained and translated. What
 * docs/models.md says of a family is run on the model that stands here; a family without one fails its test.
 */

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Json } from "../../src/checkpoint/json.js"
import { normaliseConfig } from "../../src/models/read-config.js"
import { initialiseWeights } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import { noGrad } from "../../src/torch/index.js"
import { type AuthorsType, authorsJson, lettersJson, SIGLIP } from "./small-authors.js"
import { SMALL_FAMILIES } from "./small-families.js"

export interface TinyModel {
  config: Json
  /** More files of the folder, such as image settings. */
  files?: Record<string, Json>
  /** What its chat template writes for a picture. */
  picture?: string
}

const LETTERS = ["\n", ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))]
const TILES = [1, 2].flatMap((row) => [1, 2].map((column) => `<row_${row}_col_${column}>`))
const MARKS = [
  ...["<pad>", "<mask>", "<|im_start|>", "<|im_end|>", "<image>", "<|image_pad|>", "<|video_pad|>"],
  ...["<|vision_start|>", "<|vision_end|>", "<fake_token_around_image>", "<global-img>", ...TILES],
]
const VOCABULARY = LETTERS.length + MARKS.length
const id = (mark: string): number => LETTERS.length + MARKS.indexOf(mark)

/** Ids of the tokenizer, and room for a question with a picture. */
const tokens = {
  vocab_size: VOCABULARY,
  max_position_embeddings: 512,
  bos_token_id: id("<|im_start|>"),
  eos_token_id: id("<|im_end|>"),
  pad_token_id: id("<pad>"),
  mask_token_id: id("<mask>"),
}

const text = {
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  hidden_act: "silu",
  rms_norm_eps: 1e-6,
  rope_theta: 1e4,
  tie_word_embeddings: false,
  ...tokens,
}

const SIDE = 8
const tower = {
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  image_size: SIDE,
  patch_size: 2,
}
const half = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }
const ids = {
  bos_token_id: tokens.bos_token_id,
  eos_token_id: tokens.eos_token_id,
  mask_token_id: tokens.mask_token_id,
}
const qwenIds = {
  ...ids,
  image_token_id: id("<|image_pad|>"),
  video_token_id: id("<|video_pad|>"),
  vision_start_token_id: id("<|vision_start|>"),
  vision_end_token_id: id("<|vision_end|>"),
}
const qwenPicture = "<|vision_start|><|image_pad|><|vision_end|>"
const qwenSettings = (patch: number): Json => ({
  image_processor_type: "Qwen2VLImageProcessor",
  min_pixels: (2 * patch) ** 2,
  max_pixels: (4 * patch) ** 2,
  patch_size: patch,
  merge_size: 2,
  temporal_patch_size: 2,
})

const languages = Object.entries(SMALL_FAMILIES).map(([name, config]): [string, TinyModel] => [
  name,
  { config: { ...config, ...tokens } },
])

/** Whole: the tower is described in config.json. */
const authors = (type: AuthorsType): TinyModel => ({
  config: authorsJson(type, { vision_config: SIGLIP }),
  files: { "tokenizer.json": lettersJson(type) },
})

/** By the names of their families. */
export const TINY_MODELS: Record<string, TinyModel> = {
  ...Object.fromEntries(languages),
  llava_qwen: authors("llava_qwen"),
  llava_llada: authors("llava_llada"),
  qwen2_5_vl: {
    config: {
      model_type: "qwen2_5_vl",
      architectures: ["Qwen2_5_VLForConditionalGeneration"],
      ...text,
      ...qwenIds,
      rope_scaling: { type: "mrope", mrope_section: [2, 1, 1] },
      vision_config: {
        depth: 2,
        hidden_size: 16,
        num_heads: 2,
        intermediate_size: 24,
        patch_size: 14,
        temporal_patch_size: 2,
        spatial_merge_size: 2,
        window_size: 56,
        fullatt_block_indexes: [1],
        out_hidden_size: 16,
        in_channels: 3,
      },
    },
    files: { "preprocessor_config.json": qwenSettings(14) },
    picture: qwenPicture,
  },
  qwen3_vl: {
    config: {
      model_type: "qwen3_vl",
      architectures: ["Qwen3VLForConditionalGeneration"],
      ...qwenIds,
      tie_word_embeddings: false,
      text_config: {
        model_type: "qwen3_vl_text",
        ...text,
        head_dim: 8,
        rope_scaling: { rope_type: "default", mrope_interleaved: true, mrope_section: [2, 1, 1] },
      },
      vision_config: {
        model_type: "qwen3_vl",
        deepstack_visual_indexes: [0],
        depth: 2,
        hidden_size: 16,
        intermediate_size: 24,
        num_heads: 2,
        num_position_embeddings: 16,
        out_hidden_size: 16,
        patch_size: 4,
        spatial_merge_size: 2,
        temporal_patch_size: 2,
        in_channels: 3,
      },
    },
    files: { "preprocessor_config.json": qwenSettings(4) },
    picture: qwenPicture,
  },
  llava: {
    config: {
      model_type: "llava",
      architectures: ["LlavaForConditionalGeneration"],
      ...ids,
      image_token_index: id("<image>"),
      tie_word_embeddings: false,
      text_config: { model_type: "llama", ...text },
      vision_config: { model_type: "clip_vision_model", hidden_act: "quick_gelu", ...tower },
      vision_feature_layer: -2,
      vision_feature_select_strategy: "default",
    },
    files: {
      "preprocessor_config.json": {
        image_processor_type: "CLIPImageProcessor",
        size: { shortest_edge: SIDE },
        crop_size: { height: SIDE, width: SIDE },
      },
      "processor_config.json": {
        patch_size: 2,
        num_additional_image_tokens: 1,
        vision_feature_select_strategy: "default",
      },
    },
    picture: "<image>",
  },
  llava_onevision: {
    config: {
      model_type: "llava_onevision",
      architectures: ["LlavaOnevisionForConditionalGeneration"],
      ...ids,
      image_token_index: id("<image>"),
      tie_word_embeddings: false,
      text_config: { model_type: "qwen2", ...text },
      vision_config: { model_type: "siglip_vision_model", vision_use_head: false, ...tower },
      vision_feature_layer: -1,
      vision_feature_select_strategy: "full",
      vision_aspect_ratio: "anyres_max_4",
      image_grid_pinpoints: [
        [SIDE, 2 * SIDE],
        [2 * SIDE, SIDE],
      ],
    },
    files: {
      "preprocessor_config.json": {
        image_processor_type: "LlavaOnevisionImageProcessor",
        size: { height: SIDE, width: SIDE },
        image_grid_pinpoints: [
          [SIDE, 2 * SIDE],
          [2 * SIDE, SIDE],
        ],
        ...half,
      },
      "processor_config.json": { num_image_tokens: 16, vision_feature_select_strategy: "full" },
    },
    picture: "<image>",
  },
  smolvlm: {
    config: {
      model_type: "smolvlm",
      architectures: ["SmolVLMForConditionalGeneration"],
      ...ids,
      image_token_id: id("<image>"),
      scale_factor: 2,
      tie_word_embeddings: false,
      text_config: { model_type: "llama", ...text },
      vision_config: { model_type: "smolvlm_vision", ...tower },
    },
    files: {
      "preprocessor_config.json": {
        image_processor_type: "SmolVLMImageProcessor",
        max_image_size: { longest_edge: SIDE },
        size: { longest_edge: 2 * SIDE },
        ...half,
      },
      "processor_config.json": { image_seq_len: 4 },
    },
    picture: "<image>",
  },
}

/** @returns the folder */
export async function writeTinyModel(
  folder: string,
  { config: json, files = {}, picture = "" }: TinyModel,
): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, value: object): void => writeFileSync(join(folder, name), JSON.stringify(value))
  const config = normaliseConfig(json)
  const parameters = initialiseWeights(config, 3, { std: 0.3, embeddingStd: 1 })
  noGrad(() => {
    // New biases are 0, which would hide them.
    const others = initialiseWeights(config, 9, { std: 0.3 })
    for (const [name, weight] of parameters)
      if (name.endsWith(".bias"))
        weight.copy_(others.get(name.replace(/bias$/, "weight"))!.reshape(weight.shape[0], -1).select(1, 0))
  })
  await saveModel(folder, { config, parameters })
  write("tokenizer.json", {
    added_tokens: MARKS.map((content, i) => ({ id: LETTERS.length + i, content, special: true })),
    model: { type: "BPE", vocab: Object.fromEntries(LETTERS.map((letter, i) => [letter, i])), merges: [] },
  })
  const content = `{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{% if part.type == 'image' %}${picture}{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}`
  write("tokenizer_config.json", {
    eos_token: "<|im_end|>",
    pad_token: "<pad>",
    chat_template: `{% for m in messages %}<|im_start|>{{ m.role }}\n${content}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`,
  })
  // What the model has of its own wins.
  for (const [name, value] of Object.entries(files)) write(name, value)
  return folder
}
