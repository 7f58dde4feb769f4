/** What a paradigm may ask of an architecture. Architectures know no paradigm: they turn embeddings into hidden states. */

import type { Work } from "../in-turns.js"
import type { AttentionPattern } from "../nn/attention-pattern.js"
import type { KvCache } from "../nn/kv-cache.js"
import type { Tensor } from "../torch/index.js"

export interface ForwardInput {
  /** [B, R, H] */
  embeddings: Tensor
  /** int64 [B, R], or [3, B, R] for the three axes of M-RoPE. */
  positions: Tensor
  /** One pattern per sample; a pattern with fewer rows than R leaves the rest as padding. */
  patterns: readonly AttentionPattern[]
  /** Keys and values of earlier rows; those of this call are written behind them, and kept only by `cache.commit(n)`. */
  cache?: KvCache
  /** Rows whose hidden states are wanted, per sample: the last layer computes queries and MLP for these only. */
  outputRows?: readonly Int32Array[]
}

export interface LanguageModel {
  readonly hiddenSize: number
  readonly vocabSize: number
  /** ids → rows of the embedding table [n, H] in the compute dtype (differentiable). */
  embed(ids: Int32Array | Tensor): Tensor
  /** Hidden states after the final norm: [B, R, H], or [total output rows, H] (sample by sample) with `outputRows`. */
  forward(input: ForwardInput): Tensor
  /** Hidden states [n, H] → logits [n, V]. */
  logits(hidden: Tensor): Tensor
  /** A cache for `batch` samples of up to `capacity` rows. */
  newCache(batch: number, capacity: number): KvCache
}

/** Preprocessed pixels of one image (image/qwen.ts). */
export interface ImageInput {
  /** [patches, 1176] */
  pixelValues: Float32Array
  /** Frames, patch rows, patch columns. */
  grid: readonly [number, number, number]
}

export interface VisionLanguageModel extends LanguageModel {
  /** Image features in the language model's space, [tokens, H] per image. */
  encodeImages(images: readonly ImageInput[]): Tensor[]
  /** `encodeImages`, stopping after each layer so that the event loop can turn. */
  encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]>
  /** Rows an image takes in the sequence. */
  imageTokens(grid: readonly [number, number, number]): number
  /** Every weight by its canonical name (docs/design.md). */
  parameters(): Map<string, Tensor>
}
