/** Two runs by one metric, over the documents that both answered. */

import { UserError } from "../../errors.js"
import { clusteredMean, gathered, hasWidth, scoreOf } from "../results/estimate.js"
import type { MetricValues } from "../results/metric-values.js"
import type { Certainty } from "../results/task-result.js"
import { type McNemar, mcnemar } from "../statistics/mcnemar.js"
import { bootstrap, halfSamples, type ResamplingOptions } from "../statistics/resampling.js"
import type { MetricTools } from "../task/task.js"

export interface Paired {
  metric: string
  scale: number
  higherIsBetter: boolean
  /** Common ones, and clusters that they come in. */
  documents: number
  clusters: number
  first: number | null
  second: number | null
  /** The second less the first. */
  difference?: number
  /** Of the difference, which is surer than both scores: what is hard is hard for both. */
  certainty?: Certainty
  /** Where every document, or cluster, is right or wrong. */
  mcnemar?: McNemar
  /** Why there is no difference. */
  problem?: string
}

/** @param runs with the values of the same documents, in the same order */
export async function paired(
  [first, second]: readonly [MetricValues, MetricValues],
  { tools, ...options }: ResamplingOptions & { tools?: MetricTools },
): Promise<Paired> {
  const { metric, clusters } = first
  const about = {
    metric: metric.name,
    scale: metric.scale ?? 100,
    higherIsBetter: metric.higherIsBetter,
    documents: first.values.length,
    clusters: clusters.length,
  }
  try {
    if (tools) for (const one of [first, second]) await one.prepare(tools)
    const [a, b] = [first.score({}), second.score({})]
    if (a === null || b === null) return { ...about, first: a, second: b }
    const certainty = certaintyOf(first, second, b - a, options)
    const test = mcnemarOf(first, second)
    return {
      ...{ ...about, first: a, second: b, difference: b - a },
      ...(hasWidth(certainty) && { certainty }),
      ...(test && { mcnemar: test }),
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { ...about, first: null, second: null, problem: error.message }
  }
}

function certaintyOf(
  first: MetricValues,
  second: MetricValues,
  difference: number,
  options: ResamplingOptions,
): Certainty | undefined {
  const { clusters } = first
  const [a, b] = [first.numbers, second.numbers]
  if (a && b) {
    const differences = b.map((number, i) => number - a[i])
    return bootstrap(clusters.length, clusteredMean(clusters, differences), options)
  }
  const between = (drawn: Int32Array): number | null => {
    const positions = gathered(clusters, drawn)
    const [scoreA, scoreB] = [scoreOf(first, positions, {}), scoreOf(second, positions, {})]
    return scoreA === null || scoreB === null ? null : scoreB - scoreA
  }
  return halfSamples(clusters.length, difference, between, options)
}

function mcnemarOf(first: MetricValues, second: MetricValues): McNemar | undefined {
  const [a, b] = [first, second].map((of) => of.clusters.map((members) => scoreOf(of, [...members], {})))
  const known = [...a, ...b]
  if (known.length > 0 && known.every((score) => score === 0)) return mcnemar(0, 0)
  const right = Math.max(...known.map((score) => score ?? 0))
  if (right <= 0 || known.some((score) => score !== 0 && score !== right)) return undefined
  return mcnemar(
    a.filter((score, i) => score === right && b[i] === 0).length,
    b.filter((score, i) => score === right && a[i] === 0).length,
  )
}
