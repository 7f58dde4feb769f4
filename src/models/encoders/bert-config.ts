/** The configuration of a text encoder of BERT's kind, in transformers' keys. */

import { z } from "zod"
import type { Layout, RenameRule } from "../../checkpoint/layout.js"
import { check } from "../../checkpoint/schema-check.js"
import { heads, layers, normEps, size, upTo } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { ACTIVATIONS, type Activation } from "../../nn/mlp.js"
import { shown } from "../../readable.js"

export interface BertConfig {
  family: BertFamily
  vocabSize: number
  hiddenSize: number
  intermediateSize: number
  layers: number
  heads: number
  normEps: number
  activation: Activation
  /** Rows of the table of positions, and how many tokens a text can have with them. */
  positionRows: number
  longestText: number
  tokenTypes: number
  /** Token that takes no position, where positions count from the one behind it. */
  padding: number | undefined
}

export interface BertFamily {
  /** As config.json calls it. */
  modelType: string
  /** What stands before the names of its tensors, where they are not those of the encoder alone. */
  prefix: string
  /** Positions begin behind the padding token's id. */
  positionsBehindPadding: boolean
  /** Texts are tokenised as if a space stood before them. */
  spaceBefore: boolean
  /** Layer whose features agree best with people, by layers and hidden size of the published models: bert_score's choice. */
  bestLayers: Readonly<Record<string, number>>
}

const FAMILIES: readonly BertFamily[] = [
  {
    modelType: "bert",
    prefix: "bert.",
    positionsBehindPadding: false,
    spaceBefore: false,
    bestLayers: { "12x768": 9, "24x1024": 18 },
  },
  {
    modelType: "roberta",
    prefix: "roberta.",
    positionsBehindPadding: true,
    spaceBefore: true,
    bestLayers: { "6x768": 5, "12x768": 10, "24x1024": 17 },
  },
  {
    modelType: "xlm-roberta",
    prefix: "roberta.",
    positionsBehindPadding: true,
    spaceBefore: false,
    bestLayers: { "12x768": 9, "24x1024": 17 },
  },
]

const schema = z.looseObject({
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  hidden_act: z.enum(Object.keys(ACTIVATIONS) as [Activation, ...Activation[]]).default("gelu"),
  layer_norm_eps: normEps.default(1e-12),
  max_position_embeddings: size,
  type_vocab_size: upTo(1024).default(2),
  pad_token_id: z.int().min(0).max(1024).nullish(),
  // Others are computed otherwise.
  position_embedding_type: z.literal("absolute").nullish(),
  is_decoder: z.literal(false).nullish(),
})

/** @throws UserError for an encoder of another kind, or naming the key that cannot be right */
export function readBert(json: Readonly<Record<string, unknown>>, where: string): BertConfig {
  const family = FAMILIES.find(({ modelType }) => modelType === json.model_type)
  if (!family)
    throw new UserError(`a text encoder of model_type ${shown(json.model_type)} is not known`, {
      where,
      fix: `Known are ${FAMILIES.map(({ modelType }) => modelType).join(", ")}.`,
    })
  const read = check(schema, json, "", where)
  const { hidden_size: hiddenSize, num_attention_heads: count, max_position_embeddings: positionRows } = read
  if (hiddenSize % count !== 0)
    throw new UserError(`hidden_size ${hiddenSize} does not divide into num_attention_heads ${count}`, { where })
  const padding = family.positionsBehindPadding ? (read.pad_token_id ?? 1) : undefined
  const longestText = positionRows - (padding === undefined ? 0 : padding + 1)
  if (longestText < 3)
    throw new UserError(`max_position_embeddings ${positionRows} leaves no place for a text`, { where })
  return {
    family,
    vocabSize: read.vocab_size,
    hiddenSize,
    intermediateSize: read.intermediate_size,
    layers: read.num_hidden_layers,
    heads: count,
    normEps: read.layer_norm_eps,
    activation: read.hidden_act,
    positionRows,
    longestText,
    tokenTypes: read.type_vocab_size,
    padding,
  }
}

/** Layer that bert_score takes of a published model of this size, the last of others. */
export const bestLayer = ({ family, layers, hiddenSize }: BertConfig): number =>
  family.bestLayers[`${layers}x${hiddenSize}`] ?? layers

/** Names on disk, with or without the prefix that the encoder has inside a model with a head. */
export function bertLayout({ family: { modelType, prefix } }: BertConfig): Layout {
  const rules = ["", prefix].flatMap((before): RenameRule[] => [
    ...["embeddings", "encoder.layer.{i}.attention.output", "encoder.layer.{i}.output"].flatMap((at) => [
      { stored: `${before}${at}.LayerNorm.gamma`, canonical: `${at}.LayerNorm.weight` },
      { stored: `${before}${at}.LayerNorm.beta`, canonical: `${at}.LayerNorm.bias` },
    ]),
    { stored: `${before}embeddings.*`, canonical: "embeddings.*" },
    { stored: `${before}encoder.*`, canonical: "encoder.*" },
  ])
  const buffers = ["embeddings.position_ids", "embeddings.token_type_ids", "pooler.*"]
  const ignored = ["", prefix].flatMap((before) => buffers.map((name) => before + name))
  // What was trained on top of it.
  return { name: modelType, rules, ignored: [...ignored, "cls.*", "lm_head.*", "classifier.*", "qa_outputs.*"] }
}
