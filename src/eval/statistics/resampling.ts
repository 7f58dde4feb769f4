/**
 * How much a score would scatter over other documents of the same kind, seen by drawing documents anew. What is drawn are
 * clusters: documents that only make sense together stay together.
 */

import { randomFrom } from "../../data/prng.js"
import { quantileOf } from "../../report/spread.js"
import type { Interval } from "./intervals.js"

export interface Scatter {
  standardError: number
  /** 95 %. */
  interval: Interval
  method: "bootstrap" | "half samples"
}

export interface ResamplingOptions {
  /** @default 0 */
  seed?: number
  /** How often is drawn. @default 1000, of half samples 400: their scores are put together anew each time */
  resamples?: number
}

/** Fewer clusters say nothing about their scatter. */
const FEWEST = 5

/**
 * The cluster bootstrap: as many clusters as there are, with replacement.
 * @param statistic of the clusters that were drawn, some of them more than once; what is not finite is left out
 * @returns undefined where there are too few clusters
 */
export function bootstrap(
  clusters: number,
  statistic: (drawn: Int32Array) => number,
  { seed = 0, resamples = 1000 }: ResamplingOptions = {},
): Scatter | undefined {
  if (clusters < FEWEST) return undefined
  const random = randomFrom(seed, clusters)
  const drawn = new Int32Array(clusters)
  const draws = repeated(resamples, () => {
    for (let i = 0; i < clusters; i++) drawn[i] = Math.floor(random() * clusters)
    return statistic(drawn)
  })
  if (draws.length === 0) return undefined
  return {
    standardError: deviation(draws),
    interval: { low: quantileOf(draws, 0.025), high: quantileOf(draws, 0.975) },
    method: "bootstrap",
  }
}

/**
 * Halves of the clusters, without replacement, for scores that no document may stand in twice: questions that are right
 * only as a pair, or are found by their number. The score of a random half scatters about the score of all as that would
 * over other documents (the delete-d jackknife; for a mean exactly so).
 * @param score of all
 * @param statistic of a half; null and not finite are left out
 */
export function halfSamples(
  clusters: number,
  score: number,
  statistic: (drawn: Int32Array) => number | null,
  { seed = 0, resamples = 400 }: ResamplingOptions = {},
): Scatter | undefined {
  if (clusters < FEWEST) return undefined
  const random = randomFrom(seed, clusters)
  const half = clusters >> 1
  // Where they are no halves, they scatter by another factor.
  const scaled = Math.sqrt(half / (clusters - half))
  const order = Int32Array.from({ length: clusters }, (_, i) => i)
  const draws = repeated(resamples, () => {
    for (let i = 0; i < half; i++) {
      const j = i + Math.floor(random() * (clusters - i))
      const swap = order[i]
      order[i] = order[j]
      order[j] = swap
    }
    const drawn = statistic(order.slice(0, half).sort())
    return drawn === null ? Number.NaN : score + scaled * (drawn - score)
  })
  if (draws.length === 0) return undefined
  return {
    standardError: deviation(draws, score),
    interval: { low: quantileOf(draws, 0.025), high: quantileOf(draws, 0.975) },
    method: "half samples",
  }
}

/** What can be drawn, ascending. */
function repeated(times: number, draw: () => number): Float64Array {
  return Float64Array.from({ length: times }, draw).filter(Number.isFinite).sort()
}

/** Root of the mean square about their mean, or about a value. */
function deviation(draws: Float64Array, about = draws.reduce((sum, value) => sum + value, 0) / draws.length): number {
  return Math.sqrt(draws.reduce((sum, value) => sum + (value - about) ** 2, 0) / draws.length)
}
