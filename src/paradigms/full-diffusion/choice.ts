/** Tokens and confidences from the logits of masked positions (docs/reference.md, "Full-diffusion generation"). */

import { cat, Generator, rand, type Tensor, tidy } from "../../torch/index.js"
import { ModelLogits } from "../model-logits.js"
import { NotFiniteError, NothingLeftError } from "../not-finite.js"
import { type Predictions, readChoice, requireDistinct } from "../sampling.js"

export interface FullChoiceOptions {
  /** 0: the most likely token; more: Gumbel noise of this size. @default 0 */
  temperature?: number
  /** Tokens that are never taken; those outside the vocabulary mean nothing. */
  suppress?: readonly number[]
  /** Strength of classifier-free guidance; 0 is none. @default 0 */
  guidance?: number
}

export interface FullChoice {
  /** Whose tokens are predicted, ascending. */
  positions: Int32Array
  /** One number in [0, 1) for each of them, of which all its noise is made; none when there is no noise. */
  uniforms: readonly number[]
}

/** With log p of each token: above 1 − 6e-8 all probabilities are 1 in float32, and the surest would not be known. */
export interface FullPredictions extends Predictions {
  logConfidences: Float32Array
}

/**
 * One token per row of logits [n, V], and its probability in the distribution without noise.
 * @param companion [n, V] of the same positions without the prompt, for guidance
 * @throws NotFiniteError, EqualLogitsError or NothingLeftError when no token can be chosen
 */
export function chooseTokens(
  logits: Tensor,
  { temperature = 0, suppress = [], guidance = 0 }: FullChoiceOptions,
  { uniforms }: Pick<FullChoice, "uniforms">,
  companion?: Tensor,
): FullPredictions {
  const modelLogits = new ModelLogits(logits)
  const without = companion && new ModelLogits(companion)
  const scores = inFloat64(without ? guide(modelLogits.values, without.values, guidance) : modelLogits.values)
  const vocabulary = scores.shape[1]
  for (const id of suppress) if (id < vocabulary) scores.narrow(1, id, 1).fill_(Number.NEGATIVE_INFINITY)
  // Row by row: noise of all rows is as large as their logits.
  const drawRow = (row: Tensor, i: number): Tensor => tidy(() => drawn(row, temperature, uniforms[i]))
  const ids = temperature ? cat(scores.split(1).map(drawRow)) : scores.argmax(1)
  const logs = scores
    .gather(1, ids.unsqueeze(1))
    .squeeze(1)
    .sub(scores.logsumexp([1]))
  try {
    const [predictions, logConfidences] = readChoice([ids, logs.exp()], modelLogits, logs.to("float32"))
    // No model is so unsure that its best token has less than twice its share.
    predictions.confidences.forEach((confidence, row) => {
      if (confidence * vocabulary < 2) requireDistinct(modelLogits.values, row)
    })
    return { ...predictions, logConfidences }
  } catch (error) {
    // The model's numbers are fine: nothing is left but suppressed tokens.
    if (error instanceof NotFiniteError && modelLogits.areFinite() && (without?.areFinite() ?? true))
      throw new NothingLeftError()
    throw error
  }
}

/** un + (scale + 1) · (logits − un) */
function guide(logits: Tensor, without: Tensor, scale: number): Tensor {
  return without.add(logits.sub(without).mul(scale + 1))
}

/** A copy that may be overwritten. MPS has no float64. */
function inFloat64(logits: Tensor): Tensor {
  if (logits.dtype === "float64") return logits.clone()
  return logits.device.startsWith("mps") ? logits.to({ device: "cpu", dtype: "float64" }) : logits.to("float64")
}

/**
 * The token [1] with the largest log(exp(l) / (−log U)^temperature): a draw from softmax(l / temperature).
 * @param logits [1, V] in float64
 * @param uniform the seed of its U
 */
function drawn(logits: Tensor, temperature: number, uniform: number): Tensor {
  const generator = new Generator(Math.floor(uniform * 2 ** 32))
  const noise = rand([logits.shape[1]], { dtype: "float64", generator }).log().neg().log()
  return logits.sub(noise.mul(temperature).to({ device: logits.device })).argmax(1)
}
