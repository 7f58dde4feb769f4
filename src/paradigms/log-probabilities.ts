/**
 * Log-probabilities of decoded tokens: of each token under the model, as its logits stood in the step that predicted it, before
 * temperature, top-k, penalties or guidance change them. The same for every paradigm: a decoding is wrapped, not changed.
 */

import type { Tensor } from "../torch/index.js"
import type { DecodeEvent, StepEvent } from "./decode-events.js"
import { chooseTokens, type DecodeLoop, type Decoding, type ForwardResult } from "./decode-loop.js"
import { int64 } from "./prompt.js"
import type { Predictions } from "./sampling.js"

/** Of the n tokens that a step predicted. */
export interface LogProbabilities {
  /** [n] */
  chosen: Float32Array
  /** The likeliest tokens of each place, best first, [n, k]. */
  topIds: Int32Array
  top: Float32Array
}

/** What the wrapped decoding yields where it would yield a step. */
export interface StepWithLogProbabilities extends StepEvent {
  logProbabilities?: LogProbabilities
}

interface WithLogProbabilities extends Predictions {
  logProbabilities?: LogProbabilities
}

/**
 * The same decoding, whose steps also tell log-probabilities.
 * @param k how many of the likeliest tokens are told at each place; 0: none
 */
export function withLogProbabilities<C>(decoding: Decoding<C>, k: number): Decoding<C> {
  return {
    length: decoding.length,
    loop: attached(decoding.loop),
    choose: (logits, choice, companion): WithLogProbabilities => {
      // Rules of decoding may write into the logits: what stands there now is the model's.
      const log = logits.to("float32").logSoftmax(1)
      const predictions = chooseTokens(decoding.choose, logits, choice, companion)
      return { ...predictions, logProbabilities: read(log, predictions.ids, k) }
    },
  }
}

/** @param log log-softmax [n, V] */
function read(log: Tensor, ids: Int32Array, k: number): LogProbabilities {
  const chosen = log.gather(1, int64(ids, log.device).unsqueeze(1)).squeeze(1).toFloat32()
  const most = Math.min(k, log.shape[1])
  if (most === 0) return { chosen, topIds: new Int32Array(), top: new Float32Array() }
  const [values, indices] = log.topk(most, 1)
  return { chosen, topIds: Int32Array.from(indices.to("float32").toFloat32()), top: values.toFloat32() }
}

/** A step is about what the last forward predicted, whatever else is yielded between. */
function* attached<C>(loop: DecodeLoop<C>): DecodeLoop<C> {
  let last: LogProbabilities | undefined
  let next = loop.next({ ids: new Int32Array(), confidences: new Float32Array(), milliseconds: 0 })
  while (!next.done) {
    const value = next.value
    if (value.type === "forward") {
      const result: ForwardResult = yield value
      last = (result as WithLogProbabilities).logProbabilities
      next = loop.next(result)
    } else next = loop.next(yield value.type === "step" ? ({ ...value, logProbabilities: last } as DecodeEvent) : value)
  }
}
