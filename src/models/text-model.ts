/** What the language-model families share: an architecture from a few facts. A family is its keys, its names and its options. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { ElementType } from "../checkpoint/element-types.js"
import type { Json } from "../checkpoint/json.js"
import { kept, type Layout } from "../checkpoint/layout.js"
import { type ParadigmRecord, paradigmJson, readParadigm } from "../checkpoint/paradigm-record.js"
import type { Architecture } from "./architecture.js"
import { Decoder } from "./decoder/decoder.js"
import {
  DECODER_KEYS,
  type DecoderConfig,
  type DecoderFacts,
  readDecoder,
  textOf,
  validateMask,
} from "./decoder/decoder-config.js"
import { AUTOREGRESSIVE } from "./published-paradigms.js"

export interface TextModelConfig extends ModelConfig {
  text: DecoderConfig
}

/** Names as nearly all language models have them: ours. Some programs save with more levels, or fewer. */
export const decoderLayout: Layout = {
  name: "transformers",
  rules: [
    { stored: "model.language_model.*", canonical: "model.*", readOnly: true },
    { stored: "language_model.model.*", canonical: "model.*", readOnly: true },
    { stored: "language_model.lm_head.*", canonical: "lm_head.*", readOnly: true },
    ...kept("model.embed_tokens.*", "model.layers.*", "model.norm.*", "lm_head.*"),
    // The decoder saved without its head.
    ...["embed_tokens.*", "layers.*", "norm.*"].map((name) => ({
      stored: name,
      canonical: `model.${name}`,
      readOnly: true,
    })),
  ],
  ignored: ["model.layers.{i}.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"],
}

export interface TextFamily {
  name: string
  title: string
  facts: DecoderFacts
  /** A row of the embedding that is known to be spare in the published models. */
  spareMask?: number
}

/** The architecture of a family that is nothing but such a decoder. */
export function textModel({ name, title, facts, spareMask }: TextFamily): Architecture<TextModelConfig> {
  return {
    name,
    title,
    modelTypes: [name],
    read(raw, { where }) {
      const { text, tokens } = readDecoder(raw, facts, where)
      const mask = tokens.mask ?? (spareMask !== undefined && spareMask < text.vocabSize ? spareMask : undefined)
      validateMask(tokens, text, where)
      return {
        family: name,
        text,
        tokens: { ...tokens, ...(mask !== undefined && { mask }) },
        chat: "template",
        paradigm: readParadigm(raw, where) ?? AUTOREGRESSIVE,
        raw,
      }
    },
    write: (config, dtype) => writeText(config, dtype, AUTOREGRESSIVE),
    layouts: () => [decoderLayout],
    build: (config, weights, dtype) => new Decoder(config, weights, dtype),
  }
}

const TOKEN_KEYS = ["bos_token_id", "eos_token_id", "pad_token_id", "mask_token_id"]
/** What a text_config does not decide of the whole. */
const OUTER_KEYS = ["model_type", "architectures", "auto_map", "transformers_version"]

/** A nested config.json as a flat one: of the decoder the text_config decides, of tokens where it names them. */
function flat({ text_config: _, ...outer }: Json, text: Json): Json {
  const entries = (json: Json, wanted: (key: string) => boolean) =>
    Object.entries(json).filter(([key, value]) => value != null && wanted(key))
  return {
    ...Object.fromEntries(Object.entries(outer).filter(([key]) => !DECODER_KEYS.has(key))),
    ...text,
    ...Object.fromEntries(entries(outer, (key) => OUTER_KEYS.includes(key) || TOKEN_KEYS.includes(key))),
    ...Object.fromEntries(entries(text, (key) => TOKEN_KEYS.includes(key))),
  }
}

/** config.json as it was read, with what translating changes. */
export function writeText(config: TextModelConfig, dtype: ElementType, published: ParadigmRecord): Json {
  const { raw, text, tokens, paradigm } = config
  const isNested = raw.text_config != null
  const namesMask = raw.mask_token_id != null || paradigm.name !== published.name
  return {
    ...(isNested ? flat(raw, textOf(raw)) : raw),
    ...(isNested && { tie_word_embeddings: text.tie }),
    vocab_size: text.vocabSize,
    dtype,
    torch_dtype: dtype, // the key that loaders before transformers 4.56 look for
    ...(namesMask && tokens.mask !== undefined && { mask_token_id: tokens.mask }),
    ...paradigmJson(paradigm, published.name),
  }
}
