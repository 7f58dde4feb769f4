/** LLaDA, a language model of full diffusion: in Llama's names, as LLaDA-V converts it, and in those it is published in. */
import { z } from "zod"
import type { ElementType } from "../../checkpoint/element-types.js"
import type { Json } from "../../checkpoint/json.js"
import type { Layout } from "../../checkpoint/layout.js"
import { readParadigm } from "../../checkpoint/paradigm-record.js"
import { check } from "../../checkpoint/schema-check.js"
import { heads, layers, normEps, size, theta, token, tokens, upTo } from "../../checkpoint/schema-pieces.js"
import type { Architecture } from "../architecture.js"
import { Decoder } from "../decoder/decoder.js"
import { readDecoder, textOf, validateMask } from "../decoder/decoder-config.js"
import { FULL_DIFFUSION } from "../published-paradigms.js"
import { decoderLayout, type TextModelConfig, writeText } from "../text-model.js"

/** <|mdm_mask|>, and <|eot_id|>, which ends an answer and fills its last block. */
const MASK = 126336
const END_OF_TURN = 126348

interface LladaConfig extends TextModelConfig {
  /** Keys and names as GSAI-ML publishes them. */
  published: boolean
}

const PUBLISHED_NAMES: [stored: string, canonical: string][] = [
  ["model.transformer.wte.*", "model.embed_tokens.*"],
  ["model.transformer.ln_f.*", "model.norm.*"],
  ["model.transformer.ff_out.*", "lm_head.*"],
  ...(
    [
      ["attn_norm", "input_layernorm"],
      ["q_proj", "self_attn.q_proj"],
      ["k_proj", "self_attn.k_proj"],
      ["v_proj", "self_attn.v_proj"],
      ["attn_out", "self_attn.o_proj"],
      ["ff_norm", "post_attention_layernorm"],
      ["ff_proj", "mlp.gate_proj"],
      ["up_proj", "mlp.up_proj"],
      ["ff_out", "mlp.down_proj"],
    ] as const
  ).map(([theirs, ours]): [string, string] => [
    `model.transformer.blocks.{i}.${theirs}.*`,
    `model.layers.{i}.${ours}.*`,
  ]),
]
/** Marks that the authors never let into an answer. */
const SUPPRESSED = [126080, 126081, 126346, 126347]

const publishedLayout: Layout = {
  name: "llada",
  when: "model.transformer.*",
  rules: PUBLISHED_NAMES.map(([stored, canonical]) => ({ stored, canonical })),
}

const not = z.literal(false).nullish()
/** The keys of the published model; those that would make it another one must be as they are there. */
const publishedSchema = z.looseObject({
  d_model: size,
  n_layers: layers,
  n_heads: heads,
  n_kv_heads: heads.nullish(),
  mlp_hidden_size: size.nullish(),
  mlp_ratio: upTo(64).nullish(),
  embedding_size: size.nullish(),
  vocab_size: size,
  max_sequence_length: upTo(2 ** 31),
  rms_norm_eps: normEps.nullish(),
  rope_theta: theta.nullish(),
  weight_tying: z.boolean().nullish(),
  include_qkv_bias: z.boolean().nullish(),
  include_bias: not,
  alibi: not,
  attention_layer_norm: not,
  input_emb_norm: not,
  scale_logits: not,
  rope: z.literal(true).nullish(),
  activation_type: z.literal("silu").nullish(),
  block_type: z.literal("llama").nullish(),
  layer_norm_type: z.literal("rms").nullish(),
  block_group_size: z.literal(1).nullish(),
  clip_qkv: z.null().optional(),
  eos_token_id: tokens.nullish(),
  bos_token_id: token,
  pad_token_id: token,
  mask_token_id: token,
})

/** The keys of the published model in Llama's words. */
export function inLlamaWords(raw: Json, where?: string): Json {
  const json = check(publishedSchema, raw, "", where)
  return {
    hidden_size: json.d_model,
    intermediate_size: json.mlp_hidden_size ?? (json.mlp_ratio ?? 4) * json.d_model,
    num_hidden_layers: json.n_layers,
    num_attention_heads: json.n_heads,
    num_key_value_heads: json.n_kv_heads ?? json.n_heads,
    vocab_size: json.embedding_size ?? json.vocab_size,
    rms_norm_eps: json.rms_norm_eps ?? 1e-5,
    rope_theta: json.rope_theta ?? 10_000,
    max_position_embeddings: json.max_sequence_length,
    tie_word_embeddings: json.weight_tying ?? false,
    attention_bias: json.include_qkv_bias ?? false,
    bos_token_id: json.bos_token_id,
    eos_token_id: json.eos_token_id,
    pad_token_id: json.pad_token_id,
    mask_token_id: json.mask_token_id,
  }
}

export const llada: Architecture<LladaConfig> = {
  name: "llada",
  title: "LLaDA",
  modelTypes: ["llada"],
  read(raw, { where }) {
    const inner = textOf(raw)
    const published = inner.d_model !== undefined
    const words = published ? inLlamaWords(inner, where) : inner
    const { text, tokens } = readDecoder(inner === raw ? words : { ...raw, text_config: words }, FACTS, where)
    validateMask(tokens, text, where)
    const mask = tokens.mask ?? (MASK < text.vocabSize ? MASK : undefined)
    const eos = END_OF_TURN < text.vocabSize ? [END_OF_TURN, ...tokens.eos] : tokens.eos
    return {
      family: "llada",
      published,
      // Only queries, keys and values may have biases in the published form; Llama's words mean the output too.
      text: published ? { ...text, biases: { ...text.biases, output: false } } : text,
      tokens: {
        ...tokens,
        eos: [...new Set(eos)],
        suppress: SUPPRESSED.filter((id) => id < text.vocabSize),
        ...(mask !== undefined && { mask }),
      },
      chat: "template",
      chatWithoutTemplate: "llava_llada",
      paradigm: readParadigm(raw, where) ?? FULL_DIFFUSION,
      raw,
    }
  },
  write(config, dtype: ElementType) {
    const json = writeText(config, dtype, FULL_DIFFUSION)
    return config.published ? { ...json, embedding_size: config.text.vocabSize } : json
  },
  layouts: ({ published }) => (published ? [publishedLayout, decoderLayout] : [decoderLayout, publishedLayout]),
  build: (config, weights, dtype) => new Decoder(config, weights, dtype),
}

const FACTS = {
  maxPositions: 4096,
  theta: 500_000,
  biases: ({ attention_bias }: { attention_bias?: boolean | null }) => ({
    qkv: attention_bias ?? false,
    output: attention_bias ?? false,
  }),
}
