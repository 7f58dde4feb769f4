/** The normalised configuration back to config.json of each layout, in the keys that other loaders look for. */
import type { ElementType } from "../../checkpoint/element-types.js"
import type { Json } from "../../checkpoint/json.js"
import { paradigmJson } from "../../checkpoint/paradigm-record.js"
import { BLOCK_DIFFUSION } from "../published-paradigms.js"
import { bd3lmJson, noBd3lm } from "./bd3lm-keys.js"
import { QWEN_MASK } from "./qwen2.js"
import type { QwenVlConfig } from "./qwen2_5_vl-read.js"

/** Keys of released checkpoints that describe the authors' training set-up; a checkpoint's own values win over these. */
const RELEASED_DEFAULTS: Json = {
  model_max_length: 8192,
  tokenizer_model_max_length: 8192,
  tokenizer_padding_side: "right",
  image_aspect_ratio: "pad",
  image_grid_pinpoints: null,
  image_crop_resolution: null,
  image_split_resolution: null,
  // Other loaders choose the tower's class by a substring of this path.
  mm_vision_tower: "qwen2_5_vl",
  vision_tower_pretrained: "",
  mm_projector_type: "qwen_merger",
  mm_vision_select_layer: -2,
  mm_vision_select_feature: "patch",
  mm_patch_merge_type: "flat",
  mm_resampler_type: null,
  mm_spatial_pool_mode: "bilinear",
  mm_spatial_pool_stride: null,
  mm_newline_position: "grid",
  mm_tunable_parts: "mm_vision_tower,mm_mlp_adapter,mm_language_model",
  mm_vision_tower_lr: 2e-6,
  mm_projector_lr: null,
  mm_use_im_start_end: false,
  mm_use_im_patch_token: false,
  use_mm_proj: true,
  add_faster_video: false,
  faster_token_stride: 10,
  add_time_instruction: false,
  force_sample: false,
  use_pos_skipping: false,
  pos_skipping_range: 4096,
}

/** config.json of a trained or released DVL-QwenVL checkpoint. `dtype` is that of the stored weights. */
export function toReleasedConfig(config: QwenVlConfig, dtype: ElementType): Json {
  const published = BLOCK_DIFFUSION.name
  const text = textJson(config)
  const kept = config.raw.model_type === "qwen2_5_vl" ? {} : config.raw
  return {
    ...RELEASED_DEFAULTS,
    ...kept,
    // What the paradigm's record leaves out is as by default, whatever the source was trained with.
    ...noBd3lm(),
    ...text,
    architectures: ["DiffusionVLQwenVLForCausalLM"],
    model_type: "diffusionvl_qwenvl",
    dtype,
    torch_dtype: dtype, // the key that loaders before transformers 4.56 look for
    tie_word_embeddings: config.text.tie,
    text_config: text,
    vision_config: visionJson(config),
    ...tokenJson(config),
    ...(config.tokens.mask !== undefined && { mask_token_id: config.tokens.mask }),
    mm_hidden_size: config.vision.hiddenSize,
    ...bd3lmJson(config.paradigm),
    min_pixels: config.image.minPixels,
    max_pixels: config.image.maxPixels,
    // Its own options are in the keys above.
    ...paradigmJson(config.paradigm.name === published ? BLOCK_DIFFUSION : config.paradigm, published),
  }
}

/**
 * config.json of a converted checkpoint. The top level repeats text_config, so that a reader that trusts the
 * wrong place still gets the right sizes (the authors' converter leaves another model's sizes there).
 */
export function toConvertedConfig(config: QwenVlConfig): Json {
  const text = textJson(config)
  return {
    ...text,
    architectures: undefined,
    dtype: undefined,
    model_type: "diffusionvl_qwenvl",
    tie_word_embeddings: config.text.tie,
    enable_bd3lm: false,
    bd3lm_block_size: 4,
    text_config: { ...text, dtype: "float32" },
    vision_config: visionJson(config),
    ...tokenJson(config),
    // The authors' programs take the usual one where none is named.
    ...((config.raw.mask_token_id != null || config.tokens.mask !== QWEN_MASK) && {
      mask_token_id: config.tokens.mask,
    }),
  }
}

/** vision_config.json of a converted checkpoint. */
export function toVisionConfigFile(config: QwenVlConfig): Json {
  return { ...visionJson(config), dtype: "float32" }
}

/** Flat config.json of a Qwen2.5-VL model as it is published. */
export function toQwenConfig(config: QwenVlConfig, dtype: ElementType): Json {
  const text = textJson(config)
  return {
    ...text,
    layer_types: undefined, // a nested-config key
    model_type: "qwen2_5_vl",
    torch_dtype: dtype,
    tie_word_embeddings: config.text.tie,
    vision_config: visionJson(config),
    ...tokenJson(config),
    ...(config.tokens.pad !== undefined && { pad_token_id: config.tokens.pad }),
    ...(config.raw.mask_token_id != null && { mask_token_id: config.tokens.mask }),
    ...(config.raw.min_pixels != null && { min_pixels: config.image.minPixels, max_pixels: config.image.maxPixels }),
  }
}

/** text_config. Keys that the program does not use are carried over from where they were read. */
function textJson({ text, tokens, raw }: QwenVlConfig): Json {
  const source = (raw.text_config ?? raw) as Json
  const carried = (key: string, otherwise: unknown) => source[key] ?? otherwise
  return {
    architectures: ["Qwen2_5_VLForConditionalGeneration"],
    attention_dropout: carried("attention_dropout", 0),
    bos_token_id: tokens.bos ?? 151643,
    eos_token_id: tokens.eos.length === 1 ? tokens.eos[0] : tokens.eos,
    hidden_act: "silu",
    hidden_size: text.hiddenSize,
    initializer_range: carried("initializer_range", 0.02),
    intermediate_size: text.intermediateSize,
    layer_types: Array(text.layers).fill("full_attention"),
    max_position_embeddings: text.maxPositions,
    max_window_layers: carried("max_window_layers", text.layers),
    model_type: "qwen2_5_vl_text",
    num_attention_heads: text.heads,
    num_hidden_layers: text.layers,
    num_key_value_heads: text.kvHeads,
    ...(text.headDim * text.heads !== text.hiddenSize && { head_dim: text.headDim }),
    rms_norm_eps: text.rmsNormEps,
    rope_scaling: { mrope_section: text.mropeSection, rope_type: "default", type: "default" },
    rope_theta: text.ropeTheta,
    sliding_window: null,
    ...(text.tie && { tie_word_embeddings: true }),
    use_cache: carried("use_cache", true),
    use_sliding_window: false,
    vision_token_id: raw.vision_token_id ?? carried("vision_token_id", 151654),
    vocab_size: text.vocabSize,
  }
}

function visionJson({ vision, raw }: QwenVlConfig): Json {
  const source = (raw.vision_config ?? {}) as Json
  return {
    depth: vision.depth,
    fullatt_block_indexes: vision.fullAttentionBlocks,
    hidden_act: "silu",
    hidden_size: vision.hiddenSize,
    in_channels: vision.inChannels,
    in_chans: vision.inChannels,
    initializer_range: source.initializer_range ?? 0.02,
    intermediate_size: vision.intermediateSize,
    model_type: "qwen2_5_vl",
    num_heads: vision.heads,
    out_hidden_size: vision.outHiddenSize,
    patch_size: vision.patchSize,
    spatial_merge_size: vision.mergeSize,
    spatial_patch_size: vision.patchSize,
    temporal_patch_size: vision.temporalPatchSize,
    tokens_per_second: vision.tokensPerSecond,
    window_size: vision.windowSize,
  }
}

function tokenJson({ tokens, raw }: QwenVlConfig): Json {
  return {
    image_token_id: tokens.imagePad,
    video_token_id: tokens.videoPad,
    vision_start_token_id: tokens.visionStart,
    vision_end_token_id: tokens.visionEnd,
    vision_token_id: raw.vision_token_id ?? 151654,
  }
}
