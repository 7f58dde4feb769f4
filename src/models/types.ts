/** What a paradigm may ask of a model. Architectures know no paradigm: they turn embeddings into hidden states. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { ImagePiece } from "../image/processors/pieces.js"
import type { Work } from "../in-turns.js"
import type { AttentionPattern } from "../nn/attention-pattern.js"
import type { KvCache } from "../nn/kv-cache.js"
import type { DType, Tensor } from "../torch/index.js"
import type { FeatureSource } from "./vision/feature-store.js"

/**
 * Without caches, B samples of up to L tokens. With caches, any number of sequences whose tokens lie behind one another in
 * one row (B = 1): ragged, nothing is padded.
 */
export interface ForwardInput {
  /** [B, L, E], as `embed` and `encodeImages` make them. */
  embeddings: Tensor
  /** int64 [B, L], or [3, B, L] for the three axes of M-RoPE. */
  positions: Tensor
  /** One per sample; one with fewer queries than L leaves the rest as padding. With caches one per sequence, together L queries. */
  patterns: readonly AttentionPattern[]
  /**
   * Keys and values of each sequence's earlier tokens; those of this call are written behind them, and kept only by `commit`.
   * Undefined for a sequence that has none and keeps none.
   */
  caches?: readonly (KvCache | undefined)[]
  /**
   * With caches: tokens of each sequence up to the end of a prompt of which this is a piece, for frequencies that follow the
   * length (`dynamic` rope scaling). @default what the last position of each says
   */
  lengths?: readonly number[]
  /** Positions whose hidden states are wanted, of each sample or sequence: the last layer computes queries and MLP for these only. */
  outputPositions?: readonly Int32Array[]
}

export interface LanguageModel {
  readonly config: ModelConfig
  /** Of the activations. */
  readonly dtype: DType
  readonly hiddenSize: number
  readonly vocabSize: number
  /** Gradient checkpointing: keeps only the input of each layer and computes the rest again in the backward pass. */
  checkpointLayers: boolean
  /**
   * ids → rows of the embedding table [n, E] in the compute dtype (differentiable). E is the hidden size, or more where
   * pictures also add to what comes out of some layers: only the model looks inside.
   */
  embed(ids: Int32Array | Tensor): Tensor
  /** Hidden states after the final norm: [B, L, H], or [output positions, H] (sample by sample) with `outputPositions`. */
  forward(input: ForwardInput): Tensor
  /** `forward`, stopping after each layer so that the event loop can turn. */
  forwardInPieces(input: ForwardInput): Work<Tensor>
  /** Hidden states [n, H] → logits [n, V]. */
  logits(hidden: Tensor): Tensor
  /**
   * What keys depend on beside tokens and positions before theirs: in sequences of two lengths (`lengths`) with the same number they
   * are the same. @default the length does not matter
   */
  lengthKey?(length: number): number
  /** A cache for one sequence, with room for `capacity` tokens. */
  newCache(capacity: number): KvCache
  /**
   * Image features in the language model's space, [tokens, E] per image.
   * @throws UserError when there are images and the model has no tower
   */
  encodeImages(images: readonly ImageInput[]): Tensor[]
  /** `encodeImages`, stopping after each layer so that the event loop can turn. */
  encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]>
  /** What makes features of pictures, where these can be kept. */
  readonly featureSource?: FeatureSource
  /** Every weight by its canonical name (docs/design.md), in the order in which the model takes them. */
  parameters(): Map<string, Tensor>
}

/** A prepared picture. What else is in it only the family knows that prepared it. */
export interface ImageInput {
  /** What it stands for in the sequence. */
  readonly pieces: readonly ImagePiece[]
}
