/** How likely given answers are to a full-diffusion model. */

import { randomFrom } from "../../data/prng.js"
import type { LanguageModel } from "../../models/types.js"
import { LikelihoodForward } from "../likelihood.js"
import type { Prompt } from "../prompt.js"
import type { UniformSource } from "../sampling.js"

export interface FullLikelihoodOptions {
  maskToken: number
  /**
   * chain: exact by the chain rule, one forward for each token of an answer.
   *
   * monte-carlo: an estimate of a lower bound, as LLaDA's authors evaluate.
   *
   * @default "chain"
   */
  method?: "chain" | "monte-carlo"
  /** Noised copies of each answer, of the Monte-Carlo estimate. @default 128 */
  samples?: number
  /**
   * Of the Monte-Carlo estimate, per answer: one number, then one per copy and token. @default a generator seeded with 0 for
   * each answer, so that an answer's value does not depend on those beside it
   */
  uniform?: UniformSource
  /** Positions of an answer, masked behind its end, as a decoder sees them. @default as many as the answer has tokens */
  genLength?: number
  /** Which row predicts a token. @default "same" */
  shift?: "same" | "next"
}

/** A copy of the sequence with some tokens of one answer masked. */
interface NoisedCopy {
  answer: number
  masked: readonly number[]
  /** Masked tokens whose log p counts. */
  predicted: readonly number[]
  weight: number
}

/** Rows of a forward; a copy of the whole sequence is never cut. */
const MOST_ROWS = 4096

/**
 * log p(answer | prompt), per answer.
 *
 * chain: Σ_i log p(token i | prompt, tokens before i), with token i and all behind it masked: the likelihood of a decoder
 * that fixes one token after the other from left to right. Proper by the chain rule and comparable with those of the other
 * paradigms, but for one thing: the model sees how many positions the answer has. Answers of different lengths are
 * comparable where `genLength` is given and each ends with the end-of-sequence token.
 *
 * monte-carlo: the mean over copies of L / l · Σ log p(masked token | the rest), where l of L tokens are masked at random and
 * l takes the values 1 … L evenly over the copies (LLaDA, equation 6, and its evaluation). It never exceeds the likelihood
 * in expectation.
 *
 * @throws RangeError for options outside their range or an answer longer than `genLength`; NotFiniteError or EqualLogitsError
 * when the model's numbers are broken
 */
export function fullDiffusionLikelihoods(
  model: LanguageModel,
  prompt: Prompt,
  answers: readonly Int32Array[],
  options: FullLikelihoodOptions,
): number[] {
  const { method = "chain", samples = 128, genLength, uniform } = options
  if (!Number.isInteger(samples) || samples < 1)
    throw new RangeError(`samples must be a positive integer, not ${samples}`)
  for (const { length } of answers)
    if (genLength !== undefined && length > genLength)
      throw new RangeError(`an answer of ${length} tokens is longer than genLength, ${genLength}`)
  const copies = answers.flatMap((tokens, answer) =>
    method === "chain"
      ? chainCopies(tokens.length, answer)
      : monteCarloCopies(tokens.length, answer, samples, uniform ?? randomFrom(0)),
  )
  const sums = new Array<number>(answers.length).fill(0)
  for (const group of grouped(copies, (copy) => prompt.ids.length + (genLength ?? answers[copy.answer].length)))
    logLikelihoods(model, prompt, answers, group, options).forEach((value, i) => {
      sums[group[i].answer] += group[i].weight * value
    })
  return sums
}

/** Copy i has its first i tokens, and predicts the next. */
function chainCopies(length: number, answer: number): NoisedCopy[] {
  return Array.from({ length }, (_, i) => ({
    answer,
    masked: Array.from({ length: length - i }, (_, j) => i + j),
    predicted: [i],
    weight: 1,
  }))
}

function monteCarloCopies(length: number, answer: number, samples: number, uniform: UniformSource): NoisedCopy[] {
  if (length === 0) return []
  const first = 1 + Math.floor(uniform() * length)
  return Array.from({ length: samples }, (_, copy) => {
    const count = ((Math.round(first + (copy * length) / samples) - 1) % length) + 1
    const order = Array.from({ length }, uniform)
    const masked = Array.from(order.keys())
      .sort((a, b) => order[a] - order[b])
      .slice(0, count)
      .sort((a, b) => a - b)
    return { answer, masked, predicted: masked, weight: length / count / samples }
  })
}

/** In order, as many at a time as fit into a forward, one at least. */
function grouped(copies: readonly NoisedCopy[], rowsOf: (copy: NoisedCopy) => number): NoisedCopy[][] {
  const groups: NoisedCopy[][] = []
  let rows = MOST_ROWS
  for (const copy of copies) {
    rows += rowsOf(copy)
    if (rows > MOST_ROWS) {
      groups.push([])
      rows = rowsOf(copy)
    }
    groups[groups.length - 1].push(copy)
  }
  return groups
}

/** Σ log p over the predicted tokens of each copy, in one forward: every copy sees itself only. */
function logLikelihoods(
  model: LanguageModel,
  prompt: Prompt,
  answers: readonly Int32Array[],
  copies: readonly NoisedCopy[],
  { maskToken, genLength, shift = "same" }: FullLikelihoodOptions,
): number[] {
  const forward = new LikelihoodForward()
  const promptLength = prompt.ids.length
  copies.forEach(({ answer, masked, predicted }, copy) => {
    const tokens = answers[answer]
    const begin = forward.length
    for (let position = 0; position < promptLength; position++) forward.addPrompt(position)
    const isMasked = new Set(masked)
    for (let i = 0; i < (genLength ?? tokens.length); i++)
      forward.addToken(i >= tokens.length || isMasked.has(i) ? maskToken : tokens[i], promptLength + i)
    forward.spans.push({ queries: [begin, forward.length], keys: [[begin, forward.length]] })
    const first = begin + promptLength - (shift === "next" ? 1 : 0)
    for (const i of predicted) forward.predict(copy, first + i, tokens[i])
  })
  return forward.sum(model, prompt, copies.length)
}
