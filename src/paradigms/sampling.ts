/** Tokens and confidences from logits: greedy or sampled (docs/reference.md, "Sampling"). Shared by all decoders. */

import { cat, chooseTokens, hasKernels, type RowRule, type Tensor, tensor, where, zeros } from "../torch/index.js"
import { ModelLogits, preciseLogits } from "./model-logits.js"
import { EqualLogitsError, NotFiniteError, requireFinite } from "./not-finite.js"

/** Logits of a row that are read with its token: where these are the same, the whole row is looked at. */
const PROBES = 8

export interface SamplingOptions {
  /** 0: the most likely token. @default 0 */
  temperature?: number
  /** Keeps the k most likely tokens, and those as likely as the k-th; 0 keeps all. @default 0 */
  topK?: number
  /** Keeps the most likely tokens up to the first that takes their probability beyond this. @default 1 */
  topP?: number
  /**
   * The distribution whose probability of a drawn token is its confidence: the one that temperature, topK and topP made
   * (DiffusionVL of Qwen2.5-VL), or the model's own (the authors' other models; docs/reference.md, Q13). @default "modified"
   */
  confidenceFrom?: "modified" | "unmodified"
}

/** A source of numbers in [0, 1). */
export type UniformSource = () => number

export interface Predictions {
  ids: Int32Array
  /** Probability of each token, in the distribution it was taken from. */
  confidences: Float32Array
  /** Their logarithms, where a choice among probabilities near 1 depends on more digits than these have there. */
  logConfidences?: Float32Array
}

/** Tokens [n] and their probabilities [n], on the device. */
export type Choice = [ids: Tensor, confidences: Tensor]

/** How tokens are taken from rows of logits where nothing but these numbers decides. */
export interface Sampling {
  options: SamplingOptions
  /** One per row; used when the temperature is not 0. */
  uniforms: ArrayLike<number>
  /** A token that is never taken. */
  banned?: number
}

/** Rows of one sequence: logits [n, V] each, behind one another. */
export interface SampledRows extends Sampling {
  logits: readonly Tensor[]
}

/**
 * One token per row of a model's logits [n, V], in one read from the device. Call it within a `tidy`.
 * @throws NotFiniteError when one of the logits is not finite, that of a banned token included; EqualLogitsError when all
 * of a row are the same
 */
export function sampleTokens(
  logits: Tensor,
  options: SamplingOptions,
  uniforms: ArrayLike<number>,
  banned?: number,
): Predictions {
  const [predictions] = sampleEach([{ logits: [logits], options, uniforms, banned }])
  if (predictions instanceof Error) throw predictions
  return predictions
}

/** `sampleTokens` for several sequences: on the CPU one call for all of them. Where a row's numbers broke, its sequence has the error. */
export function sampleEach(sequences: readonly SampledRows[]): (Predictions | Error)[] {
  const parts = sequences.flatMap(({ logits }) => logits.map(preciseLogits))
  const near = parts.every(({ device, dtype }) => device === "cpu" && dtype === "float32")
  return near && hasKernels() ? chooseNear(sequences, parts) : sequences.map(chooseFar)
}

function chooseNear(sequences: readonly SampledRows[], parts: readonly Tensor[]): (Predictions | Error)[] {
  if (parts.length === 0) return []
  const { ids, confidences, states } = chooseTokens(parts, sequences.flatMap(rulesOf))
  let end = 0
  return sequences.map((sequence) => {
    const start = end
    end += rowsIn(sequence)
    const broken = states.slice(start, end).find((state) => state !== "fine")
    if (broken !== undefined) return broken === "not finite" ? new NotFiniteError() : new EqualLogitsError()
    return { ids: ids.slice(start, end), confidences: confidences.slice(start, end) }
  })
}

const rowsIn = ({ logits }: SampledRows): number => logits.reduce((sum, { shape }) => sum + shape[0], 0)

function rulesOf(sequence: SampledRows): RowRule[] {
  const { options, uniforms, banned = -1 } = sequence
  const { temperature = 0, topK = 0, topP = 1 } = options
  const rule = { temperature, topK, topP, banned, unmodified: options.confidenceFrom === "unmodified" }
  return Array.from({ length: rowsIn(sequence) }, (_, row) => ({ ...rule, uniform: uniforms[row] ?? 0 }))
}

/** By the engine's operators, on any device. */
function chooseFar({ logits, options, uniforms, banned }: SampledRows): Predictions | Error {
  try {
    const modelLogits = new ModelLogits(cat(logits))
    if (banned !== undefined) modelLogits.ban(banned)
    if (!options.temperature) return readGreedy(modelLogits.values, modelLogits)
    const [ids, confidences] = multinomial(modelLogits.values, options, uniforms)
    const plain = options.confidenceFrom === "unmodified"
    return readDrawn([ids, plain ? probabilitiesOf(ids, modelLogits.values) : confidences], modelLogits)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/**
 * The most likely token of each row.
 * @param scores what it is taken from: the logits, or what rules of decoding made of them
 * @param modelLogits the model's
 * @throws as `sampleTokens`
 */
export function readGreedy(scores: Tensor, modelLogits: ModelLogits): Predictions {
  const [predictions] = readChoice(greedy(scores), modelLogits)
  // No model is so unsure that its best token has less than twice its share.
  const vocabulary = modelLogits.values.shape[1]
  predictions.confidences.forEach((confidence, row) => {
    if (confidence * vocabulary < 2) requireDistinct(modelLogits.values, row)
  })
  return predictions
}

/**
 * Tokens that were drawn from the model's logits, or from what rules of decoding left of them: their confidences tell
 * nothing of the row as a whole.
 * @throws as `sampleTokens`
 */
export function readDrawn(choice: Choice, modelLogits: ModelLogits): Predictions {
  const size = Math.min(PROBES, modelLogits.values.shape[1])
  const [predictions, probes] = readChoice(
    choice,
    modelLogits,
    modelLogits.values.narrow(1, 0, size).reshape(-1).to("float32"),
  )
  for (let row = 0; row < predictions.ids.length; row++) {
    const seen = probes.subarray(row * size, (row + 1) * size).filter(Number.isFinite)
    if (isEqual(Math.min(...seen), Math.max(...seen))) requireDistinct(modelLogits.values, row)
  }
  return predictions
}

/**
 * One read from the device: the choice, and with it other numbers.
 * @throws NotFiniteError when a logit of the model is not finite, or a confidence, as it is where no token is left
 */
export function readChoice(
  [ids, confidences]: Choice,
  modelLogits: ModelLogits,
  ...others: Tensor[]
): [Predictions, Float32Array] {
  const n = ids.shape[0]
  // Ids are below 2^24, so float32 holds them.
  const all = cat([ids.to("float32"), confidences.to("float32"), modelLogits.sums.to("float32"), ...others]).toFloat32()
  modelLogits.requireFinite(all.subarray(2 * n, 3 * n))
  const predictions = { ids: Int32Array.from(all.subarray(0, n)), confidences: all.slice(n, 2 * n) }
  requireFinite(predictions.confidences)
  return [predictions, all.subarray(3 * n)]
}

/** Nothing between them but rounding. Of no numbers at all the smallest is infinite, and above the largest. */
const isEqual = (least: number, most: number): boolean => most - least <= 1e-4

/**
 * Tokens that are ruled out (−∞) do not count.
 * @throws EqualLogitsError when all logits of a row of [n, V] are the same
 */
export function requireDistinct(logits: Tensor, row: number): void {
  const rowLogits = logits.narrow(0, row, 1)
  const counts = rowLogits.isfinite()
  const most = rowLogits.max()
  const least = where(counts, rowLogits, most).min()
  if (isEqual(least.item(), most.item()) && counts.sum().item() > 1) throw new EqualLogitsError()
}

/** exp(max − log-sum-exp) is the probability of the best token: no probabilities are written out. */
function greedy(logits: Tensor): Choice {
  const [best, ids] = logits.maxAlong(1)
  return [ids, best.sub(logits.logsumexp([1])).exp()]
}

function multinomial(
  logits: Tensor,
  { temperature = 1, topK = 0, topP = 1 }: SamplingOptions,
  uniforms: ArrayLike<number>,
): Choice {
  let kept = temperature === 1 ? logits : logits.div(temperature)
  if (topK > 0) kept = keepTopK(kept, topK)
  if (topP < 1) kept = keepTopP(kept, topP)
  return draw(kept, uniforms)
}

/** softmax(logits [n, V]) at one token of each row. */
function probabilitiesOf(ids: Tensor, logits: Tensor): Tensor {
  const index = ids.to({ device: logits.device }).unsqueeze(1)
  return logits
    .gather(1, index)
    .squeeze(1)
    .sub(logits.logsumexp([1]))
    .exp()
}

/** Draws from softmax(logits [n, V]). */
export function draw(logits: Tensor, uniforms: ArrayLike<number>): Choice {
  // MPS has no float64 sums.
  const near = logits.device.startsWith("mps") ? logits.to({ device: "cpu" }) : logits
  const [rows, vocabulary] = near.shape
  const probabilities = near.softmax(1)
  const cumulative = probabilities.cumsum(1, "float64")
  const u = tensor(Float64Array.from({ length: rows }, (_, i) => uniforms[i])).to({ device: near.device })
  // The first token whose cumulative probability exceeds u: as many as do not, come before it.
  const reach = u.unsqueeze(1).mul(cumulative.narrow(1, vocabulary - 1, 1))
  const ids = cumulative
    .le(reach)
    .sum([1])
    .clamp(0, vocabulary - 1)
  return [ids, probabilities.gather(1, ids.unsqueeze(1)).squeeze(1)]
}

/** Keeps the k most likely tokens of each row, and those as likely as the k-th. */
export function keepTopK(logits: Tensor, k: number): Tensor {
  if (k >= logits.shape[1]) return logits
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
