/**
 * Which tokens may be drawn: the rules of transformers' logits warpers, in its order and to its rounding. They apply to
 * sampling only. Block diffusion keeps to its authors' sampler (../sampling.ts), whose top-p differs at its edge.
 */

import { cat, full, ones, type Tensor, where } from "../../torch/index.js"
import { keepTopK } from "../sampling.js"

export interface WarperOptions {
  /** 0: the most likely token. @default 0 */
  temperature?: number
  /** Keeps the k most likely tokens, and those as likely as the k-th; 0 keeps all. @default 0 */
  topK?: number
  /** Keeps the most likely tokens until their probability reaches this, and always one. @default 1 */
  topP?: number
  /** Keeps tokens at least this part as likely as the most likely one. @default 0 */
  minP?: number
  /** Keeps the tokens whose surprise is nearest to the entropy, up to this probability. @default 1 */
  typicalP?: number
  /** Keeps the most likely of 100 tokens up to this part of their entropy; all tokens if not given. */
  topH?: number
  /** Keeps tokens that are at least this likely. @default 0 */
  epsilonCutoff?: number
  /** As `epsilonCutoff`, but less where the entropy is large. @default 0 */
  etaCutoff?: number
}

/** Throws a RangeError for options outside their range. */
export function checkWarpers(options: WarperOptions): void {
  const { temperature = 0, topK = 0, topH = 1, typicalP = 1 } = options
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    throw new RangeError(`temperature must be 0 or more, not ${temperature}`)
  if (!Number.isInteger(topK) || topK < 0) throw new RangeError(`topK must be 0 or a positive integer, not ${topK}`)
  for (const [name, value] of Object.entries({ topH, typicalP }))
    if (!(value > 0 && value <= 1)) throw new RangeError(`${name} must be above 0 and at most 1, not ${value}`)
  for (const name of ["topP", "minP", "epsilonCutoff", "etaCutoff"] as const) {
    const { [name]: value = 0 } = options
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} must be between 0 and 1, not ${value}`)
  }
}

const NONE = Number.NEGATIVE_INFINITY

/** Logits [n, V] with −∞ where a token may not be drawn, divided by the temperature. */
export function warpLogits(logits: Tensor, options: WarperOptions): Tensor {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, typicalP = 1 } = options
  const { topH, epsilonCutoff = 0, etaCutoff = 0 } = options
  let kept = temperature === 1 ? logits : logits.div(temperature)
  if (topH !== undefined) kept = keepTopH(kept, topH)
  if (topK > 0) kept = keepTopK(kept, topK)
  if (topP < 1) kept = keepTopP(kept, topP)
  if (minP > 0) kept = keepMinP(kept, minP)
  if (typicalP < 1) kept = keepTypical(kept, typicalP)
  if (epsilonCutoff > 0 && epsilonCutoff < 1) kept = keepLikely(kept, kept.softmax(1).lt(epsilonCutoff))
  if (etaCutoff > 0 && etaCutoff < 1) kept = keepEta(kept, etaCutoff)
  return kept
}

function keepTopP(logits: Tensor, p: number): Tensor {
  const [sorted, order] = logits.sort(1, false)
  const keep = sorted
    .softmax(1)
    .cumsum(1)
    .gt(1 - p)
  const [rows, vocabulary] = logits.shape
  const last = ones([rows, 1], { dtype: "bool", device: logits.device })
  const kept = cat([keep.narrow(1, 0, vocabulary - 1), last], 1)
  return logits.scatter(1, order, where(kept, sorted, NONE))
}

function keepMinP(logits: Tensor, minP: number): Tensor {
  const probabilities = logits.softmax(1)
  return logits.maskedFill(probabilities.lt(probabilities.amax([1], true).mul(minP)), NONE)
}

/** Σ −p log p of each row [n, 1], 0 where p is. */
function entropy(logits: Tensor): Tensor {
  const logarithms = logits.logSoftmax(1)
  const probabilities = logarithms.exp()
  return where(probabilities.gt(0), logarithms.mul(probabilities), 0).sum([1], true).neg()
}

function keepTypical(logits: Tensor, mass: number): Tensor {
  const surprise = logits.logSoftmax(1).neg().sub(entropy(logits)).abs()
  const [sorted, order] = surprise.sort(1, false)
  const cumulative = logits.gather(1, order).softmax(1).cumsum(1)
  const last = cumulative
    .lt(mass)
    .sum([1], true)
    .clamp(0, logits.shape[1] - 1)
  // The first is kept by itself: nothing is nearer than it.
  return logits.maskedFill(surprise.gt(sorted.gather(1, last)), NONE)
}

/** The most likely tokens stay, whatever is said about them. */
function keepLikely(logits: Tensor, unlikely: Tensor): Tensor {
  return logits.maskedFill(unlikely.and(logits.lt(logits.amax([1], true))), NONE)
}

function keepEta(logits: Tensor, epsilon: number): Tensor {
  const eta = entropy(logits).neg().exp().mul(Math.sqrt(epsilon)).clamp(null, epsilon)
  return keepLikely(logits, logits.softmax(1).lt(eta))
}

/** Tokens the entropy is taken over. */
const TOP_H_TOKENS = 100

function keepTopH(logits: Tensor, part: number): Tensor {
  const [top, order] = logits.topk(Math.min(TOP_H_TOKENS, logits.shape[1]), 1)
  const logarithms = top.sub(top.logsumexp([1], true))
  const probabilities = logarithms.softmax(1)
  // At a part of 1 the last tokens hang on these two sums, which transformers rounds differently too.
  const whole = where(probabilities.gt(0), logarithms.mul(probabilities), 0).sum([1], true).neg()
  const cumulative = probabilities.neg().mul(probabilities.log()).cumsum(1)
  const within = cumulative.le(whole.mul(part))
  const first = ones([logits.shape[0], 1], { dtype: "bool", device: logits.device })
  const keep = cat([first, within.narrow(1, 1, within.shape[1] - 1)], 1)
  const nothing = full([...logits.shape], NONE, { dtype: logits.dtype, device: logits.device })
  return nothing.scatter(1, order, where(keep, top, NONE))
}
