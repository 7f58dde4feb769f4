/** The rows of a sequence as embeddings: tokens from the table, image rows from the features of the images. */

import type { LanguageModel } from "../models/types.js"
import type { ImageRun } from "../text/layout.js"
import { cat, type Tensor } from "../torch/index.js"
import { int64 } from "./prompt.js"

/** A sequence as the model sees it (text/layout.ts), with what stands on its image rows. */
export interface SequenceInput {
  /** One id per row; negative on the rows of an image. */
  ids: Int32Array
  /** Where features stand, and of which image. */
  images: readonly ImageRun[]
  /** [tokens, H] per image; sequences about the same picture may share a tensor. What no run names was cut off. */
  features: readonly Tensor[]
  /** M-RoPE positions [3][rows]; 0, 1, 2, … if not given. */
  positions?: readonly [Int32Array, Int32Array, Int32Array]
}

/**
 * Turns rows of several sequences into embeddings with one look-up. A row is named by its source, a plain integer:
 * a token id, or −1 − k for row k of all image features put behind each other.
 */
export class EmbeddingSources {
  readonly #model: LanguageModel
  /** First row of each features tensor among all of them. */
  readonly #first = new Map<Tensor, number>()
  #featureRows = 0

  constructor(model: LanguageModel) {
    this.#model = model
  }

  /** The source of each row of `input`. */
  of({ ids, images, features }: SequenceInput): Int32Array {
    const sources = Int32Array.from(ids)
    for (const { image, from, start, count } of images) {
      const rows = features[image]?.shape[0] ?? 0
      if (rows < from + count)
        throw new RangeError(`image ${image} fills ${from + count} rows, but has features for ${rows}`)
      const first = this.#firstRow(features[image]) + from
      for (let row = 0; row < count; row++) sources[start + row] = -1 - first - row
    }
    return sources
  }

  /** Embeddings [n, H] of rows named by their sources (differentiable). */
  embed(sources: Int32Array): Tensor {
    return embedSources(this.#model, sources, [...this.#first.keys()])
  }

  #firstRow(features: Tensor): number {
    let first = this.#first.get(features)
    if (first === undefined) {
      first = this.#featureRows
      this.#first.set(features, first)
      this.#featureRows += features.shape[0]
    }
    return first
  }
}

/** Embeddings [n, H] of rows named by their sources: token ids, or −1 − k for row k of `features` [rows, H] together. */
export function embedSources(model: LanguageModel, sources: Int32Array, features: readonly Tensor[]): Tensor {
  if (sources.every((source) => source >= 0)) return model.embed(sources)
  const indexOfToken = new Map<number, number>()
  for (const source of sources)
    if (source >= 0 && !indexOfToken.has(source)) indexOfToken.set(source, indexOfToken.size)
  const table = [...features]
  if (indexOfToken.size > 0) table.unshift(model.embed(Int32Array.from(indexOfToken.keys())))
  const index = sources.map((source) =>
    source >= 0 ? (indexOfToken.get(source) as number) : indexOfToken.size - 1 - source,
  )
  return cat(table).indexSelect(0, int64(index, table[0].device))
}
