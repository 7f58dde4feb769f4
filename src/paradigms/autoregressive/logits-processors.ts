/**
 * What the tokens so far do to the logits of the next one: the rules of transformers' logits processors, in its order and
 * to its rounding. They apply to greedy decoding as well.
 */

import { full, type Tensor, tensor, where } from "../../torch/index.js"
import { int64 } from "../prompt.js"

export interface ProcessorOptions {
  /** Added to the logit of a sequence's last token where the others stand before it. */
  sequenceBias?: readonly (readonly [sequence: readonly number[], bias: number])[]
  /** Logits of the tokens so far, prompt included, are divided by it where they are positive, else multiplied. @default 1 */
  repetitionPenalty?: number
  /** No sequence of this many tokens occurs twice, prompt included; 0: no limit. @default 0 */
  noRepeatNgramSize?: number
  /** Sequences of tokens that do not occur. */
  badWords?: readonly (readonly number[])[]
  /** No end before this many tokens. @default 0 */
  minTokens?: number
  /** The last token of an answer of full length is one of these. */
  forcedEos?: readonly number[]
  /** `[start, factor]`: from `start` new tokens on, the ends' logits grow by this factor per token. */
  lengthDecay?: readonly [start: number, factor: number]
  suppressTokens?: readonly number[]
  /** Not as the first token. */
  beginSuppressTokens?: readonly number[]
}

export interface ProcessorState {
  /** Tokens so far, prompt included. */
  ids: readonly number[]
  /** Of which these are the prompt. */
  promptLength: number
  /** Length of the answer at most. */
  genLength: number
  eos: readonly number[]
}

const NONE = Number.NEGATIVE_INFINITY

/** The logits [n, V] of the token behind `state.ids`, processed. */
export function processLogits(logits: Tensor, options: ProcessorOptions, state: ProcessorState): Tensor {
  const { ids, promptLength, genLength, eos } = state
  const { repetitionPenalty = 1, noRepeatNgramSize = 0, minTokens = 0, forcedEos, lengthDecay } = options
  const { sequenceBias = [], badWords = [], suppressTokens = [], beginSuppressTokens = [] } = options
  const newTokens = ids.length - promptLength
  let scores = addBias(logits, sequenceBias, ids)
  if (repetitionPenalty !== 1) scores = penalise(scores, ids, repetitionPenalty)
  if (noRepeatNgramSize > 0) scores = suppress(scores, repeatedEnds(ids, noRepeatNgramSize))
  const bad = badWords.filter((word) => word.length > 1 || !eos.includes(word[0]))
  scores = addBias(
    scores,
    bad.map((word) => [word, NONE]),
    ids,
  )
  if (newTokens < minTokens) scores = suppress(scores, eos)
  if (forcedEos && newTokens === genLength - 1) scores = only(scores, forcedEos)
  if (lengthDecay && newTokens > lengthDecay[0])
    scores = encourage(scores, eos, lengthDecay[1] ** (newTokens - lengthDecay[0]) - 1)
  scores = suppress(scores, suppressTokens)
  return newTokens === 0 ? suppress(scores, beginSuppressTokens) : scores
}

/** Columns [n, k] of the logits, once each; ids without a logit are left out. */
function columns(logits: Tensor, ids: Iterable<number>): Tensor | undefined {
  const [rows, vocabulary] = logits.shape
  const known = [...new Set(ids)].filter((id) => id < vocabulary)
  return known.length === 0 ? undefined : int64(known, logits.device, [1, known.length]).expand(rows, known.length)
}

function suppress(logits: Tensor, ids: Iterable<number>): Tensor {
  const banned = columns(logits, ids)
  return banned ? logits.scatter(1, banned, constant(logits, banned.shape, NONE)) : logits
}

function only(logits: Tensor, ids: Iterable<number>): Tensor {
  const allowed = columns(logits, ids)
  const nothing = constant(logits, logits.shape, NONE)
  return allowed ? nothing.scatter(1, allowed, constant(logits, allowed.shape, 0)) : nothing
}

const constant = ({ dtype, device }: Tensor, shape: readonly number[], value: number): Tensor =>
  full([...shape], value, { dtype, device })

function penalise(logits: Tensor, ids: Iterable<number>, penalty: number): Tensor {
  const seen = columns(logits, ids)
  if (!seen) return logits
  const scores = logits.gather(1, seen)
  return logits.scatter(1, seen, where(scores.lt(0), scores.mul(penalty), scores.div(penalty)))
}

/** The tokens that would complete a sequence of `size` tokens a second time. */
function repeatedEnds(ids: readonly number[], size: number): number[] {
  const suffix = ids.length + 1 - size
  const ends: number[] = []
  for (let start = 0; start + size <= ids.length; start++) {
    let i = 0
    while (i < size - 1 && ids[start + i] === ids[suffix + i]) i++
    if (i === size - 1) ends.push(ids[start + i])
  }
  return ends
}

function addBias(
  logits: Tensor,
  biases: NonNullable<ProcessorOptions["sequenceBias"]>,
  ids: readonly number[],
): Tensor {
  // Of equal sequences the last one counts.
  const unique = new Map(biases.map((entry) => [entry[0].join(), entry]))
  const sums = new Map<number, number>()
  for (const [sequence, bias] of unique.values()) {
    const before = sequence.length - 1
    const last = sequence[before]
    const first = ids.length - before
    if (first < 0 || !sequence.every((id, i) => i === before || ids[first + i] === id)) continue
    sums.set(last, (sums.get(last) ?? 0) + bias)
  }
  const biased = columns(logits, sums.keys())
  if (!biased) return logits
  const known = [...sums].filter(([id]) => id < logits.shape[1]).map(([, bias]) => bias)
  const added = tensor(Float32Array.from(known), [1, known.length]).to({ device: logits.device, dtype: logits.dtype })
  return logits.scatter(1, biased, logits.gather(1, biased).add(added))
}

function encourage(logits: Tensor, ids: Iterable<number>, factor: number): Tensor {
  const ends = columns(logits, ids)
  if (!ends) return logits
  const scores = logits.gather(1, ends)
  const added = scores.abs().mul(factor)
  return logits.scatter(1, ends, scores.add(where(scores.isfinite(), added, 0)))
}
