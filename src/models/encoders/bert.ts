/** A text encoder of BERT's kind: bidirectional attention, a norm behind each part of a layer. */

import type { Work } from "../../in-turns.js"
import { attention, forget } from "../../nn/attention.js"
import { type AttentionPattern, bidirectional } from "../../nn/attention-pattern.js"
import type { LayerNorm } from "../../nn/layer-norm.js"
import type { Linear } from "../../nn/linear.js"
import { Mlp } from "../../nn/mlp.js"
import { type DType, embedding, type Tensor, tensor } from "../../torch/index.js"
import { takeLayerNorm, takeLinear, type WeightSource } from "../weight-source.js"
import type { BertConfig } from "./bert-config.js"

export class Bert {
  readonly #config: BertConfig
  readonly #dtype: DType
  readonly #embeddings: { words: Tensor; positions: Tensor; types: Tensor; norm: LayerNorm }
  readonly #layers: readonly BertLayer[]

  constructor(config: BertConfig, weights: WeightSource, dtype: DType) {
    const { hiddenSize, vocabSize, positionRows, tokenTypes, normEps, layers } = config
    const embeddings = weights.at("embeddings")
    const table = (name: string, rows: number): Tensor => embeddings.at(name).take("weight", [rows, hiddenSize])
    this.#config = config
    this.#dtype = dtype
    this.#embeddings = {
      words: table("word_embeddings", vocabSize),
      positions: table("position_embeddings", positionRows),
      types: table("token_type_embeddings", tokenTypes),
      norm: takeLayerNorm(embeddings, "LayerNorm", hiddenSize, normEps),
    }
    this.#layers = Array.from({ length: layers }, (_, i) => new BertLayer(config, weights.at(`encoder.layer.${i}`)))
  }

  /**
   * Features of texts behind so many layers, 0 of which is the embedding.
   * @param texts B lists of token ids, with those that a text begins and ends with
   * @returns [B, R, C]; R is the longest length, and rows behind the end of a shorter text mean nothing
   */
  *forwardInPieces(texts: readonly (readonly number[])[], layers: number): Work<Tensor> {
    const lengths = texts.map((ids) => ids.length)
    const patterns = lengths.map((length) => bidirectional(length))
    let x = this.#embed(texts, Math.max(...lengths))
    yield
    try {
      for (const layer of this.#layers.slice(0, layers)) {
        x = layer.forward(x, patterns)
        yield
      }
    } finally {
      forget(patterns)
    }
    return x
  }

  #embed(texts: readonly (readonly number[])[], width: number): Tensor {
    const { words, positions, types, norm } = this.#embeddings
    const rows = texts.flatMap((ids) => filled(ids, width))
    const places = texts.flatMap((ids) => filled(this.#positionsOf(ids), width))
    const look = (table: Tensor, ids: readonly number[]): Tensor =>
      embedding(table, tensor(ids, [texts.length, width], { dtype: "int64", device: table.device })).to(this.#dtype)
    const type = types.narrow(0, 0, 1).to(this.#dtype)
    // In the order of the reference, for the sake of the last bits.
    return norm.forward(look(words, rows).add(type).add(look(positions, places)))
  }

  #positionsOf(ids: readonly number[]): number[] {
    const { padding } = this.#config
    if (padding === undefined) return ids.map((_, i) => i)
    let last = padding
    return ids.map((id) => (id === padding ? padding : ++last))
  }
}

const filled = (ids: readonly number[], width: number): number[] => [
  ...ids,
  ...Array.from({ length: width - ids.length }, () => 0),
]

class BertLayer {
  readonly #heads: number
  readonly #projections: readonly Linear[]
  readonly #output: Linear
  readonly #attentionNorm: LayerNorm
  readonly #mlp: Mlp
  readonly #mlpNorm: LayerNorm

  constructor(config: BertConfig, weights: WeightSource) {
    const { hiddenSize: size, intermediateSize: inner, normEps, activation, heads } = config
    this.#heads = heads
    const attended = weights.at("attention")
    this.#projections = ["query", "key", "value"].map((name) =>
      takeLinear(attended, `self.${name}`, [size, size], true),
    )
    this.#output = takeLinear(attended, "output.dense", [size, size], true)
    this.#attentionNorm = takeLayerNorm(attended, "output.LayerNorm", size, normEps)
    this.#mlp = new Mlp(
      takeLinear(weights, "intermediate.dense", [inner, size], true),
      takeLinear(weights, "output.dense", [size, inner], true),
      activation,
    )
    this.#mlpNorm = takeLayerNorm(weights, "output.LayerNorm", size, normEps)
  }

  /** x [B, R, C] */
  forward(x: Tensor, patterns: readonly AttentionPattern[]): Tensor {
    const [texts, count, size] = x.shape
    const [q, k, v] = this.#projections.map((projection) =>
      projection.forward(x).view(texts, count, this.#heads, -1).transpose(1, 2),
    )
    const attended = attention(q, k, v, patterns).transpose(1, 2).reshape(texts, count, size)
    const h = this.#attentionNorm.forward(x.add(this.#output.forward(attended)))
    return this.#mlpNorm.forward(h.add(this.#mlp.forward(h)))
  }
}
