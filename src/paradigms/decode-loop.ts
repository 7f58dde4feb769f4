/**
 * What decoding is made of: a loop of plain data that asks for forwards of one sequence and is told what was predicted, and
 * a rule that chooses tokens from logits. Neither knows the model, the cache or other sequences.
 */

import type { Span } from "../nn/attention-pattern.js"
import type { Tensor } from "../torch/index.js"
import type { DecodeEvent } from "./decode-events.js"
import { type Predictions, type Sampling, sampleTokens } from "./sampling.js"

/** One forward over positions [start, start + L) of a sequence whose earlier positions are in its cache. */
export interface ForwardRequest<C = unknown> {
  type: "forward"
  /** What the cache holds from here on is forgotten. */
  start: number
  /** The token at each position; any number where the prompt stands. */
  ids: Int32Array
  /** Blocks of this many positions, counted from position 0, see themselves and those before; 1: causal, Infinity: all see all. */
  blockSize: number
  /** How many of these positions, the first ones, stay in the cache. */
  commit: number
  /** These see themselves and those before only, whatever the block size. @default false */
  commitCausally?: boolean
  /** Positions whose hidden states predict something, ascending. The one kept before may come first, and is not computed again. */
  wanted: Int32Array
  /** Position, one of `wanted`, whose logits are kept for later requests, until another is. */
  keep?: number
  /**
   * Another sequence, from position 0 on and of tokens alone, that is computed beside this one without a cache: the rule that
   * chooses is given its logits at the same positions too.
   */
  companion?: Int32Array
  /** What the rows behind those that stay are, where they are no run of positions. */
  branches?: Branches
  /** Given to the rule that chooses; left out when logits are only kept. */
  choice?: C
}

/**
 * Rows behind each other that may stand at the same positions and see what they are told to: several beginnings of an answer, or copies
 * of a block. Rows are counted as positions are, from `start` on, and so are those of `wanted`.
 */
export interface Branches {
  /** Of each row; one within the prompt is the prompt's. */
  positions: readonly number[]
  /** Which rows see which, in order. */
  spans: readonly Span[]
  /** Positions of the whole sequence, of which frequencies may depend. */
  length: number
}

/** What was predicted at the wanted positions. */
export interface ForwardResult extends Predictions {
  /** Time spent computing, with the sequences computed beside it. */
  milliseconds: number
}

/** Yields requests, whose results it is sent, and events; the last event is "done". */
export type DecodeLoop<C = unknown> = Generator<ForwardRequest<C> | DecodeEvent, void, ForwardResult>

/** A rule that is nothing but numbers: the tokens of many sequences are chosen by such rules together. */
export interface PlainRule<C = unknown> {
  sampling(choice: C): Sampling
}

/** Any other rule. As a method, so that decodings with choices of their own are decodings. */
interface AnyRule<C> {
  /**
   * Tokens from logits [n, V] of the wanted positions; called within a `tidy`.
   * @param companion logits [n, V] of the companion, where the request has one
   * @throws NotFiniteError, EqualLogitsError or NothingLeftError when no token can be chosen
   */
  choose(logits: Tensor, choice: C, companion?: Tensor): Predictions
}

/** How one answer is decoded. */
export interface Decoding<C = unknown> {
  loop: DecodeLoop<C>
  /** Positions of prompt and answer together, at most: how much the cache must hold. */
  length: number
  choose: AnyRule<C>["choose"] | PlainRule<C>
}

/** What such a rule chooses. */
export function chooseTokens<C>(
  choose: Decoding<C>["choose"],
  logits: Tensor,
  choice: C,
  companion?: Tensor,
): Predictions {
  if (typeof choose === "function") return choose(logits, choice, companion)
  const { options, uniforms, banned } = choose.sampling(choice)
  return sampleTokens(logits, options, uniforms, banned)
}
