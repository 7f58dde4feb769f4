/** One layer of the Llama-like decoders: grouped-query attention, then SwiGLU, each behind a norm and beside a residual. */

import { attention } from "../../nn/attention.js"
import type { Linear } from "../../nn/linear.js"
import type { RmsNorm } from "../../nn/norm.js"
import type { PackedAttention } from "../../nn/packed-attention.js"
import { type RopeTables, rotate } from "../../nn/rope.js"
import type { SwiGlu } from "../../nn/swiglu.js"
import type { Tensor } from "../../torch/index.js"
import { takeLinear, takeNorm, takeSwiGlu, type WeightSource } from "../weight-source.js"
import type { DecoderConfig } from "./decoder-config.js"
import type { OutputSelection, Patterns } from "./output-selection.js"

/** What every layer of one forward shares. */
export interface LayerContext {
  tables: RopeTables
  /** The patterns within a layer's window: the same lists for all layers with the same one. */
  patternsWithin(window: number | null): Patterns
  /** Where sequences lie behind one another, each with its own cache. */
  packed?: PackedAttention
}

export class DecoderLayer {
  readonly #headDim: number
  readonly #hasPositions: boolean
  readonly #window: number | null
  readonly #attentionNorm: RmsNorm
  readonly #queries: Linear
  readonly #keys: Linear
  readonly #values: Linear
  readonly #output: Linear
  /** Of each head's queries and keys, before they are turned. */
  readonly #headNorms: { queries: RmsNorm; keys: RmsNorm } | null
  readonly #mlpNorm: RmsNorm
  readonly #mlp: SwiGlu

  constructor(
    config: DecoderConfig,
    weights: WeightSource,
    readonly index: number,
  ) {
    const { hiddenSize, intermediateSize, heads, kvHeads, headDim, rmsNormEps: eps, biases } = config
    const attention = weights.at("self_attn")
    this.#headDim = headDim
    this.#hasPositions = config.ropeLayers?.[index] ?? true
    this.#window = config.windows?.[index] ?? null
    this.#attentionNorm = takeNorm(weights, "input_layernorm", hiddenSize, eps)
    this.#queries = takeLinear(attention, "q_proj", [heads * headDim, hiddenSize], biases.qkv)
    this.#keys = takeLinear(attention, "k_proj", [kvHeads * headDim, hiddenSize], biases.qkv)
    this.#values = takeLinear(attention, "v_proj", [kvHeads * headDim, hiddenSize], biases.qkv)
    this.#output = takeLinear(attention, "o_proj", [hiddenSize, heads * headDim], biases.output)
    this.#headNorms = config.headNorms
      ? { queries: takeNorm(attention, "q_norm", headDim, eps), keys: takeNorm(attention, "k_norm", headDim, eps) }
      : null
    this.#mlpNorm = takeNorm(weights, "post_attention_layernorm", hiddenSize, eps)
    this.#mlp = takeSwiGlu(weights, "mlp", hiddenSize, intermediateSize, biases.mlp)
  }

  /** x [B, R, H] → [B, R, H], or → [wanted, H] when only some positions are: all still give keys and values. */
  forward(x: Tensor, context: LayerContext, selection?: OutputSelection): Tensor {
    const normed = this.#attentionNorm.forward(x)
    const k = this.#turned(this.#heads(this.#keys, normed, this.#headNorms?.keys), context.tables)
    const v = this.#heads(this.#values, normed)
    const patterns = context.patternsWithin(this.#window)
    const { packed } = context
    const keys = { layer: this.index, k, v, patterns }
    const attend = (q: Tensor, queries: Patterns): Tensor =>
      packed ? packed.attend(q, keys, queries) : attention(q, k, v, queries[0])
    // Nobody looks at the hidden states themselves: keys and values were all that was wanted.
    if (selection?.perSample === 0) {
      packed?.keep(keys)
      return x.flatten(0, 1).narrow(0, 0, 0)
    }
    if (!selection) {
      const q = this.#turned(this.#heads(this.#queries, normed, this.#headNorms?.queries), context.tables)
      return this.#finish(x, joinHeads(attend(q, patterns)))
    }
    const pick = (rows: Tensor): Tensor =>
      rows.flatten(0, 1).indexSelect(0, selection.positions).view(x.shape[0], selection.perSample, -1)
    const pickTable = (table: Tensor): Tensor => pick(table.squeeze(1).expand(x.shape[0], x.shape[1], -1)).unsqueeze(1)
    const tables = { cos: pickTable(context.tables.cos), sin: pickTable(context.tables.sin) }
    const q = this.#turned(this.#heads(this.#queries, pick(normed), this.#headNorms?.queries), tables)
    const keep = (rows: Tensor): Tensor => {
      const flat = rows.flatten(0, 1)
      return selection.wanted ? flat.indexSelect(0, selection.wanted) : flat
    }
    return this.#finish(keep(pick(x)), keep(joinHeads(attend(q, selection.patterns))))
  }

  /** [B, R, H] → [B, heads, R, d] */
  #heads(projection: Linear, x: Tensor, norm?: RmsNorm): Tensor {
    const heads = projection.forward(x).view(x.shape[0], x.shape[1], -1, this.#headDim)
    return (norm ? norm.forward(heads) : heads).transpose(1, 2)
  }

  /** By position, unless the layer knows none. */
  #turned(x: Tensor, tables: RopeTables): Tensor {
    return this.#hasPositions ? rotate(x, tables) : x
  }

  #finish(x: Tensor, attended: Tensor): Tensor {
    const h = x.add(this.#output.forward(attended))
    return h.add(this.#mlp.forward(this.#mlpNorm.forward(h)))
  }
}

/** [B, heads, R, d] → [B, R, heads · d] */
const joinHeads = (x: Tensor): Tensor => x.transpose(1, 2).flatten(2, 3)
