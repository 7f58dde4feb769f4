/** The Qwen2 text decoder: grouped-query attention, rotary positions, SwiGLU. Knows no paradigm and no images. */

import type { TextConfig } from "../checkpoint/config.js"
import { attention } from "../nn/attention.js"
import { type AttentionPattern, selectRows } from "../nn/attention-pattern.js"
import { KvCache } from "../nn/kv-cache.js"
import { type Linear, multiply } from "../nn/linear.js"
import type { RmsNorm } from "../nn/norm.js"
import { type RopeTables, ropeTables, rotate } from "../nn/rope.js"
import type { SwiGlu } from "../nn/swiglu.js"
import {
  checkpoint,
  type DType,
  embedding,
  gradEnabled,
  onThreadsFor,
  type Tensor,
  tensor,
  tidy,
} from "../torch/index.js"
import type { ForwardInput, LanguageModel } from "./types.js"
import { take, takeLinear, takeNorm, takeSwiGlu, type WeightMap } from "./weights.js"

/** What every layer of one forward shares. */
interface Context {
  tables: RopeTables
  patterns: readonly AttentionPattern[]
  cache?: KvCache
}

/** The wanted rows of a batch, as a rectangle [B, S]: shorter lists are padded by row 0. */
interface RowSelection {
  perSample: number
  /** int64 [B · S], rows of [B · R]. */
  rows: Tensor
  /** int64 [wanted], places in [B · S] that are no padding; null when all are wanted. */
  wanted: Tensor | null
  patterns: AttentionPattern[]
}

export class Qwen2Decoder implements LanguageModel {
  readonly hiddenSize: number
  readonly vocabSize: number
  /** Keeps only the input of each layer for the backward pass and computes the rest a second time. */
  checkpointLayers = false

  readonly #config: TextConfig
  readonly #dtype: DType
  readonly #embedding: Tensor
  readonly #layers: DecoderLayer[]
  readonly #norm: RmsNorm
  readonly #head: Tensor

  /** @param dtype of activations; matrices may be stored in another type, norms and biases not */
  constructor(config: TextConfig, weights: WeightMap, dtype: DType) {
    this.#config = config
    this.#dtype = dtype
    this.hiddenSize = config.hiddenSize
    this.vocabSize = config.vocabSize
    this.#embedding = take(weights, "model.embed_tokens.weight")
    this.#layers = Array.from({ length: config.layers }, (_, i) => new DecoderLayer(config, weights, i))
    this.#norm = takeNorm(weights, "model.norm", config.rmsNormEps)
    this.#head = config.tie ? this.#embedding : take(weights, "lm_head.weight")
  }

  embed(ids: Int32Array | Tensor): Tensor {
    const index = ids instanceof Int32Array ? tensor(ids).to({ device: this.#embedding.device }) : ids
    return embedding(this.#embedding, index).to(this.#dtype)
  }

  forward(input: ForwardInput): Tensor {
    if (gradEnabled()) return this.#forward(input)
    const [batch, rows] = input.embeddings.shape
    return onThreadsFor({ rows: batch * rows, weights: layerWeights(this.#config) }, () => this.#forward(input))
  }

  #forward({ embeddings, positions, patterns, cache, outputRows }: ForwardInput): Tensor {
    const { headDim, ropeTheta: theta, mropeSection: sections } = this.#config
    const tables = ropeTables(positions, { headDim, theta, sections, dtype: this.#dtype })
    const context: Context = { tables, patterns, cache }
    const selection = outputRows && selectOutputs(embeddings, patterns, outputRows)
    const recording = gradEnabled()
    let x = embeddings
    for (const layer of this.#layers) {
      const rows = layer.index === this.#layers.length - 1 ? selection : undefined
      const body = (input: Tensor): Tensor => layer.forward(input, context, rows)
      const before = x
      x = recording ? (this.checkpointLayers ? checkpoint([x], body) : body(x)) : tidy(() => body(before))
    }
    return this.#norm.forward(x)
  }

  logits(hidden: Tensor): Tensor {
    if (gradEnabled()) return multiply(hidden, this.#head)
    return onThreadsFor({ rows: hidden.shape[0], weights: this.#head.size }, () => multiply(hidden, this.#head))
  }

  newCache(batch: number, capacity: number): KvCache {
    const { layers, kvHeads: heads, headDim } = this.#config
    return new KvCache({ layers, batch, heads, headDim, capacity, dtype: this.#dtype, device: this.#embedding.device })
  }
}

class DecoderLayer {
  readonly #config: TextConfig
  readonly #attentionNorm: RmsNorm
  readonly #queries: Linear
  readonly #keys: Linear
  readonly #values: Linear
  readonly #output: Linear
  readonly #mlpNorm: RmsNorm
  readonly #mlp: SwiGlu

  constructor(
    config: TextConfig,
    weights: WeightMap,
    readonly index: number,
  ) {
    const name = `model.layers.${index}`
    this.#config = config
    this.#attentionNorm = takeNorm(weights, `${name}.input_layernorm`, config.rmsNormEps)
    this.#queries = takeLinear(weights, `${name}.self_attn.q_proj`)
    this.#keys = takeLinear(weights, `${name}.self_attn.k_proj`)
    this.#values = takeLinear(weights, `${name}.self_attn.v_proj`)
    this.#output = takeLinear(weights, `${name}.self_attn.o_proj`)
    this.#mlpNorm = takeNorm(weights, `${name}.post_attention_layernorm`, config.rmsNormEps)
    this.#mlp = takeSwiGlu(weights, `${name}.mlp`)
  }

  /** x [B, R, H] → [B, R, H], or → [wanted rows, H] when only some rows are wanted: all rows still give keys and values. */
  forward(x: Tensor, context: Context, selection?: RowSelection): Tensor {
    const normed = this.#attentionNorm.forward(x)
    const keyTables = context.tables
    let k = rotate(this.#heads(this.#keys, normed), keyTables)
    let v = this.#heads(this.#values, normed)
    if (context.cache) ({ keys: k, values: v } = context.cache.write(this.index, k, v))
    if (!selection) {
      const q = rotate(this.#heads(this.#queries, normed), context.tables)
      return this.#finish(x, joinHeads(attention(q, k, v, context.patterns)))
    }
    const pick = (rows: Tensor): Tensor =>
      rows.flatten(0, 1).indexSelect(0, selection.rows).view(x.shape[0], selection.perSample, -1)
    const pickTable = (table: Tensor): Tensor => pick(table.squeeze(1).expand(x.shape[0], x.shape[1], -1)).unsqueeze(1)
    const tables = { cos: pickTable(context.tables.cos), sin: pickTable(context.tables.sin) }
    const q = rotate(this.#heads(this.#queries, pick(normed)), tables)
    const keep = (rows: Tensor): Tensor => {
      const flat = rows.flatten(0, 1)
      return selection.wanted ? flat.indexSelect(0, selection.wanted) : flat
    }
    return this.#finish(keep(pick(x)), keep(joinHeads(attention(q, k, v, selection.patterns))))
  }

  /** [B, R, H] → [B, heads, R, d] */
  #heads(projection: Linear, x: Tensor): Tensor {
    return projection.forward(x).view(x.shape[0], x.shape[1], -1, this.#config.headDim).transpose(1, 2)
  }

  #finish(x: Tensor, attended: Tensor): Tensor {
    const h = x.add(this.#output.forward(attended))
    return h.add(this.#mlp.forward(this.#mlpNorm.forward(h)))
  }
}

function layerWeights({ hiddenSize, intermediateSize, heads, kvHeads, headDim }: TextConfig): number {
  return hiddenSize * (2 * (heads + kvHeads) * headDim + 3 * intermediateSize)
}

/** [B, heads, R, d] → [B, R, heads · d] */
const joinHeads = (x: Tensor): Tensor => x.transpose(1, 2).flatten(2, 3)

function selectOutputs(
  embeddings: Tensor,
  patterns: readonly AttentionPattern[],
  outputRows: readonly Int32Array[],
): RowSelection {
  const [batch, total] = embeddings.shape
  const perSample = Math.max(1, ...outputRows.map((rows) => rows.length))
  const rows = new BigInt64Array(batch * perSample)
  const wanted: bigint[] = []
  outputRows.forEach((list, sample) => {
    for (let i = 0; i < perSample; i++) {
      rows[sample * perSample + i] = BigInt(sample * total + (list[i] ?? 0))
      if (i < list.length) wanted.push(BigInt(sample * perSample + i))
    }
  })
  const index = (values: BigInt64Array): Tensor => tensor(values).to({ device: embeddings.device })
  return {
    perSample,
    rows: index(rows),
    wanted: wanted.length === rows.length ? null : index(BigInt64Array.from(wanted)),
    patterns: patterns.map((pattern, sample) => selectRows(pattern, outputRows[sample])),
  }
}
