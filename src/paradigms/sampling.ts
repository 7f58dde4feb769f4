/** Tokens and confidences from logits: greedy or sampled (reference behaviour 6.2). Shared by all decoders. */

import { cat, type Tensor, tensor, where, zeros } from "../torch/index.js"

export interface SamplingOptions {
  /** 0: the most likely token. @default 0 */
  temperature?: number
  /** Keeps the k most likely tokens, and those as likely as the k-th; 0 keeps all. @default 0 */
  topK?: number
  /** Keeps the most likely tokens up to the first that takes their probability beyond this. @default 1 */
  topP?: number
}

/** A source of numbers in [0, 1). */
export type UniformSource = () => number

export interface Predictions {
  ids: Int32Array
  /** Probability of each token, in the distribution it was taken from. */
  confidences: Float32Array
}

/**
 * One token per row of logits [n, V], in one read from the device. Call it within a `tidy`.
 * @param uniforms one per row; used when the temperature is not 0
 */
export function sampleTokens(logits: Tensor, options: SamplingOptions, uniforms: ArrayLike<number>): Predictions {
  // Half precision cannot hold confidences, and MPS no float64 sums.
  const precise = logits.dtype === "float64" ? logits : logits.to("float32")
  const { temperature = 0 } = options
  const [ids, confidences] =
    temperature === 0
      ? greedy(precise)
      : multinomial(precise.device.startsWith("mps") ? precise.to({ device: "cpu" }) : precise, options, uniforms)
  // Ids are below 2^24, so float32 holds them.
  const read = cat([ids.to("float32"), confidences.to("float32")]).toFloat32()
  const n = logits.shape[0]
  return { ids: Int32Array.from(read.subarray(0, n)), confidences: read.slice(n) }
}

/** exp(max − log-sum-exp) is the probability of the best token: no probabilities are written out. */
function greedy(logits: Tensor): [ids: Tensor, confidences: Tensor] {
  const [best, ids] = logits.maxAlong(1)
  return [ids, best.sub(logits.logsumexp([1])).exp()]
}

function multinomial(
  logits: Tensor,
  { temperature = 1, topK = 0, topP = 1 }: SamplingOptions,
  uniforms: ArrayLike<number>,
): [ids: Tensor, confidences: Tensor] {
  const [rows, vocabulary] = logits.shape
  let kept = temperature === 1 ? logits : logits.div(temperature)
  if (topK > 0 && topK < vocabulary) kept = keepTopK(kept, topK)
  if (topP < 1) kept = keepTopP(kept, topP)
  const probabilities = kept.softmax(1)
  const cumulative = probabilities.cumsum(1, "float64")
  const u = tensor(Float64Array.from({ length: rows }, (_, i) => uniforms[i])).to({ device: logits.device })
  // The first token whose cumulative probability exceeds u: as many as do not, come before it.
  const reach = u.unsqueeze(1).mul(cumulative.narrow(1, vocabulary - 1, 1))
  const ids = cumulative
    .le(reach)
    .sum([1])
    .clamp(0, vocabulary - 1)
  return [ids, probabilities.gather(1, ids.unsqueeze(1)).squeeze(1)]
}

function keepTopK(logits: Tensor, k: number): Tensor {
  const least = logits.topk(k, 1)[0].narrow(1, k - 1, 1)
  return logits.maskedFill(logits.lt(least), Number.NEGATIVE_INFINITY)
}

function keepTopP(logits: Tensor, p: number): Tensor {
  const [sorted, order] = logits.sort(1, true)
  const cumulative = sorted.softmax(1).cumsum(1)
  const none = zeros([logits.shape[0], 1], { dtype: logits.dtype, device: logits.device })
  const before = cat([none, cumulative.narrow(1, 0, logits.shape[1] - 1)], 1)
  return logits.scatter(1, order, where(before.le(p), sorted, Number.NEGATIVE_INFINITY))
}

/** Throws a RangeError for options outside their range. */
export function checkSampling({ temperature = 0, topK = 0, topP = 1 }: SamplingOptions): void {
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    throw new RangeError(`temperature must be 0 or more, not ${temperature}`)
  if (!Number.isInteger(topK) || topK < 0) throw new RangeError(`topK must be 0 or a positive integer, not ${topK}`)
  if (!(topP > 0 && topP <= 1)) throw new RangeError(`topP must be above 0 and at most 1, not ${topP}`)
}
