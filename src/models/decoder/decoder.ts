/** The decoder of the Llama-like families: grouped-query attention, rotary positions, SwiGLU. Knows no paradigm and no images. */

import type { ModelConfig } from "../../checkpoint/config.js"
import { UserError } from "../../errors.js"
import { finish, type Work } from "../../in-turns.js"
import { forget } from "../../nn/attention.js"
import { type AttentionPattern, withinWindow } from "../../nn/attention-pattern.js"
import { KvCache } from "../../nn/kv-cache.js"
import { Linear } from "../../nn/linear.js"
import type { RmsNorm } from "../../nn/norm.js"
import { PackedAttention } from "../../nn/packed-attention.js"
import { type RopeTables, ropeTables } from "../../nn/rope.js"
import { runLayer } from "../../nn/run-layer.js"
import type { TokenRows } from "../../nn/token-rows.js"
import { cat, type DType, embedding, gradEnabled, onThreadsFor, type Tensor, tensor, zeros } from "../../torch/index.js"
import type { ForwardInput, ImageInput, LanguageModel } from "../types.js"
import { takeNorm, type WeightSource } from "../weight-source.js"
import type { DecoderConfig } from "./decoder-config.js"
import { DecoderLayer, type LayerContext } from "./decoder-layer.js"
import { type Patterns, selectOutputs, selectPacked, selectRows } from "./output-selection.js"

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
    const packed = caches && new PackedAttention(caches)
    const context: LayerContext = { tables, patternsWithin: within.of, packed }
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
      packed?.dispose()
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

  lengthKey(length: number): number {
    const scaling = this.#text.ropeScaling
    return scaling?.type === "dynamic" && length > scaling.maxPositions ? length : 0
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

function layerWeights({ hiddenSize, intermediateSize, heads, kvHeads, headDim }: DecoderConfig): number {
  return hiddenSize * (2 * (heads + kvHeads) * headDim + 3 * intermediateSize)
}

/** Patterns by window; attention plans each list once, so that layers with the same window must share it. */
function windowed(patterns: Patterns): { of: LayerContext["patternsWithin"]; all(): Patterns } {
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
