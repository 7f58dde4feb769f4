/** What decoders report while they work: plain data, the same for the command line, evaluation and tests. */

/** One forward of the model. */
export interface ForwardTrace {
  tokens: number
  /** Rows in the cache before it. */
  cached: number
  /** Rows it left in the cache. */
  stored: number
}

export interface DecodeStats {
  forwards: number
  /** Rows of all forwards together, those included that were known from an earlier request. */
  tokensComputed: number
  /** Tokens at the prompt's beginning that were known so: the executor fills it in. */
  cachedTokens?: number
  /** Tokens before the first end-of-sequence token, or all. */
  tokens: number
  /** Forwards after which these tokens and the end were known; decoding may have gone on. */
  forwardsToEnd: number
  /** Time spent computing. */
  milliseconds: number
}

/** The last event, from the answer and what was counted on the way. */
export function doneEvent(
  ids: Int32Array,
  eosIndex: number | undefined,
  { forwards, tokensComputed, milliseconds, forwardsToEnd = forwards }: Counts,
): DecodeDone {
  const tokens = eosIndex ?? ids.length
  return { type: "done", ids, eosIndex, stats: { forwards, tokensComputed, tokens, forwardsToEnd, milliseconds } }
}

type Counts = Pick<DecodeStats, "forwards" | "tokensComputed" | "milliseconds"> & { forwardsToEnd?: number }

export interface DecodeDone {
  type: "done"
  /** The answer; the mask id where decoding never came to. */
  ids: Int32Array
  /** Index of the first end-of-sequence token in `ids`. */
  eosIndex?: number
  stats: DecodeStats
}

/** `forward` is missing where the work was done by the forward of another event. */
export type PrefillEvent = {
  type: "prefill"
  tokens: number
  forward?: ForwardTrace
  /** Of these, those that an earlier request had computed. */
  cachedTokens?: number
}

/** One denoising step of a block; in autoregressive decoding every token is a block of one step. */
export interface StepEvent {
  type: "step"
  /** Index of the block and of the step within it. Blocks of block diffusion are counted from the first row of the prompt, those of full diffusion from the answer's. */
  block: number
  step: number
  /** Rows of the block, [start, end), counted from the first row of the prompt. */
  start: number
  end: number
  /** Rows that were masked before the step and could become final in it, with the token predicted for each and its probability. */
  positions: Int32Array
  ids: Int32Array
  confidences: Float32Array
  /** Rows whose predictions became final; a predicted mask token leaves its row masked. */
  fixed: Int32Array
  forward?: ForwardTrace
}

/** A finished block went into the cache. */
export interface CommitEvent {
  type: "commit"
  block: number
  tokens: number
  forward?: ForwardTrace
}

export type DecodeEvent = PrefillEvent | StepEvent | CommitEvent | DecodeDone
