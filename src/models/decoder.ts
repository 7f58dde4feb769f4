/** The decoder of the Llama-like families: grouped-query attention, rotary positions, SwiGLU. Knows no paradigm and no images. */

import type { ModelConfig } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import { finish, type Work } from "../in-turns.js"
import { attention, forget } from "../nn/attention.js"
import { type AttentionPattern, withinWindow } from "../nn/attention-pattern.js"
import { KvCache } from "../nn/kv-cache.js"
import { Linear } from "../nn/linear.js"
import type { RmsNorm } from "../nn/norm.js"
import { type RopeTables, ropeTables, rotate } from "../nn/rope.js"
import { runLayer } from "../nn/run-layer.js"
import type { SwiGlu } from "../nn/swiglu.js"
import type { TokenRows } from "../nn/token-rows.js"
import { cat, type DType, embedding, gradEnabled, onThreadsFor, type Tensor, tensor, zeros } from "../torch/index.js"
import type { DecoderConfig } from "./decoder-config.js"
import { type OutputSelection, type Patterns, selectOutputs, selectPacked, selectRows } from "./output-selection.js"
import type { ForwardInput, ImageInput, LanguageModel } from "./types.js"
import { takeLinear, takeNorm, takeSwiGlu, type WeightSource } from "./weight-source.js"

/** What every layer of one forward shares. */
interface Context {
  tables: RopeTables
  /** The patterns within a layer's window: the same lists for all layers with the same one. */
  patternsWithin(window: number | null): Patterns
  caches?: ForwardInput["caches"]
}

export class Decoder implements LanguageModel {
  readonly hiddenSize: number
  readonly vocabSize: number
  /** Keeps only the input of each layer for the backward pass and computes the rest a second time. */
  checkpointLayers = false

  readonly #text: DecoderConfig
  readonly #weights: WeightSource
  readonly #embedding: Tensor
  readonly #tokenRows: TokenRows | undefined
  readonly #layers: DecoderLayer[]
  readonly #norm: RmsNorm
  readonly #head: Linear

  /** @param dtype of activations; matrices may be stored in another type, norms and biases not */
  constructor(
    readonly config: ModelConfig & { text: DecoderConfig },
    weights: WeightSource,
    readonly dtype: DType,
  ) {
    const text = config.text
    const body = weights.at("model")
    this.#text = text
    this.#weights = weights
    this.hiddenSize = text.hiddenSize
    this.vocabSize = text.vocabSize
    const [embedding, head] = [body.at("embed_tokens"), weights.at("lm_head")]
    const shape = [text.vocabSize, text.hiddenSize] as const
    this.#embedding = embedding.take("weight", shape)
    this.#tokenRows = embedding.tokenRows()
    this.#layers = Array.from({ length: text.layers }, (_, i) => new DecoderLayer(text, body.at(`layers.${i}`), i))
    this.#norm = takeNorm(body, "norm", text.hiddenSize, text.rmsNormEps)
    this.#head = new Linear(text.tie ? this.#embedding : head.take("weight", shape), null, head.lowRank(shape))
  }

  embed(ids: Int32Array | Tensor): Tensor {
    const index = ids instanceof Int32Array ? tensor(ids).to({ device: this.#embedding.device }) : ids
    const found = embedding(this.#embedding, index).to(this.dtype)
    const rows = this.#tokenRows ? this.#tokenRows.embed(found, index) : found
    const { deepstackLayers: more = 0, hiddenSize } = this.#text
    if (more === 0) return rows
    const nothing = zeros([rows.shape[0], more * hiddenSize], { dtype: this.dtype, device: rows.device })
    return cat([rows, nothing], 1)
  }

  forward(input: ForwardInput): Tensor {
    return finish(this.forwardInPieces(input))
  }

  *forwardInPieces({ embeddings, positions, patterns, caches, lengths, outputPositions }: ForwardInput): Work<Tensor> {
    const { windows, deepstackLayers = 0 } = this.#text
    const [batch, rows] = embeddings.shape
    const size = { rows: batch * rows, weights: layerWeights(this.#text) }
    const tables = this.#tables(positions, caches && patterns, lengths)
    // Lists of this forward alone: what attention remembers about them is given back at its end.
    const within = windowed(caches ? patterns.map((pattern) => [pattern]) : [[...patterns]])
    const context: Context = { tables, patternsWithin: within.of, caches }
    const last = within.of(windows?.[this.#layers.length - 1] ?? null)
    const select = caches ? selectPacked : selectOutputs
    const selection = outputPositions && select(embeddings, last.flat(), outputPositions)
    const recording = gradEnabled()
    /** [B, L, H]: of the embeddings what goes into the first layer, or what is added behind layer i − 1. */
    const part = (i: number): Tensor =>
      deepstackLayers === 0 ? embeddings : embeddings.narrow(2, i * this.hiddenSize, this.hiddenSize)
    try {
      let x = part(0)
      for (const layer of this.#layers) {
        const wanted = layer.index === this.#layers.length - 1 ? selection : undefined
        const body = (input: Tensor): Tensor => layer.forward(input, context, wanted)
        const run = (): Tensor => runLayer(x, body, { recording, recompute: this.checkpointLayers })
        x = recording ? run() : onThreadsFor(size, run)
        // Outside the layer, which may be computed again: what pictures add has a history of its own.
        if (layer.index < deepstackLayers) x = x.add(selectRows(part(layer.index + 1), wanted))
        yield
      }
      return this.#norm.forward(x)
    } finally {
      // A backward pass may come back to them.
      if (!recording) for (const list of [...within.all(), ...(selection?.patterns ?? [])]) forget(list)
    }
  }

  /** @param sequences that lie behind one another in the only row of the batch */
  #tables(
    positions: Tensor,
    sequences: readonly AttentionPattern[] | undefined,
    lengths?: readonly number[],
  ): RopeTables {
    const {
      headDim,
      ropeTheta: theta,
      ropeScaling: scaling,
      ropeRounding: rounding,
      mropeSection: sections,
      mropeInterleaved: interleaved,
    } = this.#text
    const options = { headDim, theta, scaling, rounding, sections, interleaved, dtype: this.dtype }
    if (scaling?.type !== "dynamic") return ropeTables(positions, options)
    // By the length of each sequence, whatever is computed beside it.
    const batch = positions.rank - 2
    const axis = sequences ? batch + 1 : batch
    const sizes = sequences?.map(({ queries }) => queries) ?? Array<number>(positions.shape[batch]).fill(1)
    let start = 0
    const tables = sizes.flatMap((size, i) => {
      start += size
      const rows = positions.narrow(axis, start - size, size)
      return size === 0 ? [] : [ropeTables(rows, { ...options, length: lengths?.[i] })]
    })
    const dimension = sequences ? 2 : 0
    const joined = (name: keyof RopeTables): Tensor =>
      cat(
        tables.map((one) => one[name]),
        dimension,
      )
    return { cos: joined("cos"), sin: joined("sin") }
  }

  logits(hidden: Tensor): Tensor {
    const compute = (): Tensor => {
      const logits = this.#head.forward(hidden)
      return this.#text.tie && this.#tokenRows ? this.#tokenRows.logits(logits, hidden) : logits
    }
    if (gradEnabled()) return compute()
    return onThreadsFor({ rows: hidden.shape[0], weights: this.#head.weight.size }, compute)
  }

  newCache(capacity: number): KvCache {
    const { layers, kvHeads: heads, headDim } = this.#text
    return new KvCache({ layers, heads, headDim, capacity, dtype: this.dtype, device: this.#embedding.device })
  }

  encodeImages(images: readonly ImageInput[]): Tensor[] {
    if (images.length === 0) return []
    throw new UserError("the model reads text only: it cannot see pictures", {
      fix: "leave the pictures out, or use a vision-language model",
    })
  }

  // biome-ignore lint/correctness/useYield: there is nothing to wait for
  *encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]> {
    return this.encodeImages(images)
  }

  parameters(): Map<string, Tensor> {
    return new Map(this.#weights.taken)
  }
}

class DecoderLayer {
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
  forward(x: Tensor, context: Context, selection?: OutputSelection): Tensor {
    const normed = this.#attentionNorm.forward(x)
    const k = this.#turned(this.#heads(this.#keys, normed, this.#headNorms?.keys), context.tables)
    const v = this.#heads(this.#values, normed)
    const patterns = context.patternsWithin(this.#window)
    const seen = context.caches ? writeEach(context.caches, this.index, k, v, patterns) : [{ keys: k, values: v }]
    const attend = (q: Tensor, queries: Patterns): Tensor => attendEach(q, seen, queries)
    // Nobody looks at the hidden states themselves: keys and values were all that was wanted.
    if (selection?.perSample === 0) return x.flatten(0, 1).narrow(0, 0, 0)
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

function layerWeights({ hiddenSize, intermediateSize, heads, kvHeads, headDim }: DecoderConfig): number {
  return hiddenSize * (2 * (heads + kvHeads) * headDim + 3 * intermediateSize)
}

/** [B, heads, R, d] → [B, R, heads · d] */
const joinHeads = (x: Tensor): Tensor => x.transpose(1, 2).flatten(2, 3)

/** Keys and values that each sequence sees, those of its cache and its own, which lie behind one another in k and v [1, Hkv, R, d]. */
function writeEach(
  caches: readonly (KvCache | undefined)[],
  layer: number,
  k: Tensor,
  v: Tensor,
  patterns: Patterns,
): { keys: Tensor; values: Tensor }[] {
  let start = 0
  return caches.map((cache, i) => {
    const { queries: rows } = patterns[i][0]
    start += rows
    const ofSequence = (x: Tensor): Tensor => (caches.length === 1 ? x : x.narrow(2, start - rows, rows))
    const [keys, values] = [ofSequence(k), ofSequence(v)]
    return cache ? cache.write(layer, keys, values) : { keys, values }
  })
}

/** Attention of a batch, or of each of several sequences whose queries lie behind one another in q [1, heads, R, d]. */
function attendEach(q: Tensor, seen: readonly { keys: Tensor; values: Tensor }[], patterns: Patterns): Tensor {
  if (seen.length === 1) return attention(q, seen[0].keys, seen[0].values, patterns[0])
  let start = 0
  const outputs = seen.flatMap(({ keys, values }, i) => {
    const { queries: rows } = patterns[i][0]
    start += rows
    return rows === 0 ? [] : [attention(q.narrow(2, start - rows, rows), keys, values, patterns[i])]
  })
  return outputs.length === 1 ? outputs[0] : cat(outputs, 2)
}

/** Patterns by window; attention plans each list once, so that layers with the same window must share it. */
function windowed(patterns: Patterns): { of: Context["patternsWithin"]; all(): Patterns } {
  const lists = new Map<number, Patterns>()
  const of = (window: number | null): Patterns => {
    if (window === null) return patterns
    let within = lists.get(window)
    if (!within) {
      within = patterns.map((list) => {
        const limited = list.map((pattern) => withinWindow(pattern, window))
        return limited.every((pattern, i) => pattern === list[i]) ? list : limited
      })
      lists.set(window, within)
    }
    return within
  }
  return { of, all: () => [patterns, ...lists.values()].flat() }
}
