/** How likely given answers are to a full-diffusion model. */

import { randomFrom } from "../../data/prng.js"
import { maskedSamples } from "../likelihood/masked-samples.js"
import { LikelihoodPlan, type PlannedRows } from "../likelihood/plan.js"
import type { LikelihoodBound } from "../paradigm.js"

export interface FullLikelihoodOptions {
  maskToken: number
  /** An estimate of the bound that training lowers. @default exact by the chain rule */
  bound?: LikelihoodBound
  /** Positions of an answer, masked behind its end, as a decoder sees them. @default as many as the answer has tokens */
  genLength?: number
  /** Which row predicts a token. @default "same" */
  shift?: "same" | "next"
}

/** A copy of the sequence with some tokens of the answer masked. */
interface NoisedCopy {
  masked: readonly number[]
  /** Masked tokens whose log p counts. */
  predicted: readonly number[]
  weight?: number
  sample?: number
}

/**
 * log p(answer | prompt), per answer.
 *
 * Exact: Σ_i log p(token i | prompt, tokens before i), with token i and all behind it masked: the likelihood of a decoder
 * that fixes one token after the other from left to right. Proper by the chain rule and comparable with those of the other
 * paradigms, but for one thing: the model sees how many positions the answer has. Answers of different lengths are
 * comparable where `genLength` is given and each ends with the end-of-sequence token.
 *
 * Bound: the mean over samples of L / l · Σ log p(masked token | the rest), where l of L tokens are masked (`maskedSamples`; LLaDA,
 * equation 6, and its evaluation). In expectation it is the mean over all orders of decoding of the log-likelihood of the order, which
 * never exceeds the log of their mean likelihood.
 *
 * @throws RangeError for options outside their range or an answer longer than `genLength`
 */
export function fullDiffusionLikelihoods(
  promptTokens: number,
  answers: readonly Int32Array[],
  { maskToken, bound, genLength, shift = "same" }: FullLikelihoodOptions,
): LikelihoodPlan {
  const plan = new LikelihoodPlan({ answers: answers.length, samples: bound?.samples })
  // Copies that look alike, of choices that begin alike or of samples that mask alike, are computed once.
  const copies = new Map<string, { rows: PlannedRows; begin: number }>()
  const copyOf = (shown: readonly number[]): { rows: PlannedRows; begin: number } => {
    const key = shown.join()
    const known = copies.get(key)
    if (known) return known
    const rows = plan.withRoom(promptTokens + shown.length)
    const begin = rows.length
    for (let position = 0; position < promptTokens; position++) rows.addPrompt(position)
    shown.forEach((token, i) => {
      rows.addToken(token, promptTokens + i)
    })
    rows.see([begin, rows.length], [begin, rows.length])
    const made = { rows, begin }
    copies.set(key, made)
    return made
  }
  answers.forEach((tokens, answer) => {
    const positions = genLength ?? tokens.length
    if (tokens.length > positions)
      throw new RangeError(`an answer of ${tokens.length} tokens is longer than genLength, ${genLength}`)
    const noised = bound ? sampledCopies(tokens.length, bound) : chainCopies(tokens.length)
    for (const { masked, predicted, weight, sample } of noised) {
      const isMasked = new Set(masked)
      const isShown = (i: number): boolean => i < tokens.length && !isMasked.has(i)
      const shown = Array.from({ length: positions }, (_, i) => (isShown(i) ? tokens[i] : maskToken))
      const { rows, begin } = copyOf(shown)
      const first = begin + promptTokens - (shift === "next" ? 1 : 0)
      for (const i of predicted) rows.predict({ answer, row: first + i, token: tokens[i], weight, sample })
    }
  })
  return plan
}

/** Copy i has its first i tokens, and predicts the next. */
const chainCopies = (length: number): NoisedCopy[] =>
  Array.from({ length }, (_, i) => ({
    masked: Array.from({ length: length - i }, (_, j) => i + j),
    predicted: [i],
  }))

/** Each answer has the same random numbers: its value does not depend on those beside it, and choices of one length are masked alike. */
const sampledCopies = (length: number, { samples, seed }: LikelihoodBound): NoisedCopy[] =>
  length === 0
    ? []
    : maskedSamples(length, samples, randomFrom(seed)).map(({ masked, weight }, sample) => ({
        ...{ masked, predicted: masked, weight, sample },
      }))
