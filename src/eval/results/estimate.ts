/** A metric's score, and how sure it is. */

import { randomFrom } from "../../data/prng.js"
import { UserError } from "../../errors.js"
import { counted } from "../../readable.js"
import { normalInterval, wilson } from "../statistics/intervals.js"
import { bootstrap, halfSamples, type ResamplingOptions } from "../statistics/resampling.js"
import { mean, standardError } from "../task/standard-error.js"
import type { Compat, MetricTools, PartScore } from "../task/task.js"
import type { MetricValues } from "./metric-values.js"
import type { Certainty, MetricResult } from "./task-result.js"

export interface EstimateOptions extends ResamplingOptions {
  compat: Compat
  tools: MetricTools
  /** Parts of the values, for metrics that know none of their own. */
  partsOf(of: MetricValues): readonly PartScore[]
}

/** What cannot be scored has no value, and says why: the other metrics have theirs. */
export async function estimate(of: MetricValues, options: EstimateOptions): Promise<MetricResult> {
  const { metric, values, clusters } = of
  const about = {
    name: metric.name,
    higherIsBetter: metric.higherIsBetter,
    scale: metric.scale ?? 100,
    documents: values.length,
    clusters: clusters.length,
  }
  if (metric.unavailable !== undefined) return { ...about, value: null, problem: metric.unavailable, parts: [] }
  try {
    await of.prepare(options.tools)
    const value = of.score(options.compat)
    if (value === null) return { ...about, value, parts: [] }
    const numbers = of.numbers
    const error = numbers ? standardError(numbers) : null
    const certainty = certaintyOf(of, value, options)
    return {
      ...about,
      value,
      ...(error !== null && { standardError: error }),
      ...(hasWidth(certainty) ? { certainty } : { noInterval: whyNone(of, certainty) }),
      parts: of.parts(drawsOfItsOwn(options.compat)) ?? options.partsOf(of),
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { ...about, value: null, problem: error.message, parts: [] }
  }
}

/** Draws that all score the same say nothing of other documents: an interval without width would look like certainty. */
export const hasWidth = (certainty: Certainty | undefined): certainty is Certainty => {
  if (!certainty) return false
  const { low, high } = certainty.interval
  return high - low > 1e-12 * Math.max(Math.abs(low), Math.abs(high))
}

function whyNone({ clusters, values }: MetricValues, certainty: Certainty | undefined): string {
  const many = counted(clusters.length, clusters.length < values.length ? "group" : "document")
  return certainty ? `${many}: whichever are drawn score the same` : `${many}: too few to draw from`
}

function certaintyOf(of: MetricValues, value: number, options: EstimateOptions): Certainty | undefined {
  const { clusters, counts: numbers } = of
  if (!numbers) {
    const compat = drawsOfItsOwn(options.compat)
    return halfSamples(clusters.length, value, (drawn) => scoreOf(of, gathered(clusters, drawn), compat), options)
  }
  if (clusters.length < numbers.length) return bootstrap(clusters.length, clusteredMean(clusters, numbers), options)
  const error = standardError(numbers)
  if (error === null) return undefined
  const isShare = numbers.every((number) => number === 0 || number === 1)
  const interval = isShare
    ? wilson(numbers.filter((number) => number === 1).length, numbers.length)
    : normalInterval(
        mean(numbers)!,
        error,
        numbers.every((one) => one >= 0 && one <= 1) ? { low: 0, high: 1 } : undefined,
      )
  return { standardError: error, interval, method: "mean" }
}

/** The mean over the documents of clusters that are drawn, some of them more than once. */
export function clusteredMean(
  clusters: readonly (readonly number[])[],
  numbers: readonly number[],
): (drawn: Iterable<number>) => number {
  const sums = clusters.map((members) => members.reduce((sum, at) => sum + numbers[at], 0))
  return (drawn) => {
    let [sum, count] = [0, 0]
    for (const cluster of drawn) {
      sum += sums[cluster]
      count += clusters[cluster].length
    }
    return sum / count
  }
}

/** Where the values of some clusters are, ascending. */
export const gathered = (clusters: readonly (readonly number[])[], drawn: Iterable<number>): number[] =>
  Array.from(drawn, (cluster) => clusters[cluster])
    .flat()
    .sort((a, b) => a - b)

/** null where they cannot be put together. */
export function scoreOf(of: MetricValues, positions: readonly number[], compat: Compat): number | null {
  try {
    return of.score(compat, positions)
  } catch (error) {
    if (error instanceof UserError) return null
    throw error
  }
}

/** What is computed beside the scores must not use up what they guess with. */
export function drawsOfItsOwn(compat: Compat): Compat {
  if (!compat.draw) return compat
  const random = randomFrom(0, 1)
  const below = (n: number): number => Math.floor(random() * n)
  return { draw: { below, choice: (from) => from[below(from.length)] } }
}
