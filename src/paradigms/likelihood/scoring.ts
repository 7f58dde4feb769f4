/** How likely given answers are: a plan computed forward by forward, beside whatever else the executor computes. */

import { doneEvent } from "../decode-events.js"
import type { DecodeLoop } from "../decode-loop.js"
import type { LikelihoodPlan, PredictedToken } from "./plan.js"

/** Tokens whose log-probabilities are wanted, and which of a request's wanted rows predicts each. */
export interface Targets {
  rows: readonly number[]
  tokens: readonly number[]
}

export interface Likelihood {
  /** log p(answer | prompt), natural; of a plan with samples an estimate. */
  logLikelihood: number
  /** Of that estimate, where it has two samples or more. */
  standardError?: number
}

/** What the executor runs to know likelihoods: its predictions are log-probabilities (`Predictions.logConfidences`). */
export interface LikelihoodScoring {
  loop: DecodeLoop<Targets>
  /** Rows that the cache must hold. */
  length: number
  choose: "likelihood"
  /** Known when the loop has ended. */
  values(): Likelihood[]
}

/** A plan as the executor runs it: sums over predicted tokens, by answer and sample. */
export function likelihoodScoring(plan: LikelihoodPlan): LikelihoodScoring {
  const { beginning, forwards, answers, samples = 1 } = plan
  const always = new Float64Array(answers)
  const sums = Array.from({ length: answers }, () => new Float64Array(samples))
  const add = ({ answer, sample, weight = 1 }: PredictedToken, log: number): void => {
    if (sample === undefined) always[answer] += weight * log
    else sums[answer][sample] += weight * log
  }
  return {
    loop: scoringLoop(plan, add),
    length: Math.max(...forwards.map((rows) => rows.length), beginning.tokens),
    choose: "likelihood",
    values: () =>
      sums.map((values, answer) => {
        const value = always[answer] + meanOf(values)
        return samples < 2 ? { logLikelihood: value } : { logLikelihood: value, standardError: errorOf(values) }
      }),
  }
}

function* scoringLoop(
  { beginning, forwards, positions: length }: LikelihoodPlan,
  add: (predicted: PredictedToken, log: number) => void,
): DecodeLoop<Targets> {
  const work = { forwards: 0, tokensComputed: 0, milliseconds: 0 }
  for (const [i, { ids, positions, spans, predicted }] of forwards.entries()) {
    if (predicted.length === 0 && forwards.length === 1) break
    const wanted = Int32Array.from(new Set(predicted.map(({ row }) => row))).sort()
    const indexOf = new Map(Array.from(wanted, (row, index) => [row, index]))
    // What is predicted more than once, as by samples that mask alike, is wanted once.
    const targets = new Map<string, { row: number; token: number; all: PredictedToken[] }>()
    for (const one of predicted) {
      const key = `${one.row} ${one.token}`
      const target = targets.get(key)
      if (target) target.all.push(one)
      else targets.set(key, { row: one.row, token: one.token, all: [one] })
    }
    const each = [...targets.values()]
    const first = i === 0 ? beginning.tokens : 0
    const { logConfidences = [], milliseconds } = yield {
      type: "forward",
      start: beginning.tokens - first,
      ids: Int32Array.from([...new Int32Array(first), ...ids]),
      blockSize: beginning.blockSize,
      commit: first,
      branches: { positions, spans, length },
      wanted,
      choice: { rows: each.map(({ row }) => indexOf.get(row)!), tokens: each.map(({ token }) => token) },
    }
    each.forEach(({ all }, index) => {
      for (const one of all) add(one, logConfidences[index])
    })
    work.forwards++
    work.tokensComputed += first + ids.length
    work.milliseconds += milliseconds
  }
  yield doneEvent(new Int32Array(), undefined, work)
}

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length

/**
 * Of the mean of samples that were drawn evenly: neighbours are alike in how much they mask, so what differs between them is what
 * was drawn (the successive differences of systematic sampling).
 */
function errorOf(values: Float64Array): number {
  const n = values.length
  let sum = 0
  for (let i = 1; i < n; i++) sum += (values[i] - values[i - 1]) ** 2
  return Math.sqrt(sum / (2 * (n - 1)) / n)
}
