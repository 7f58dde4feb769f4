/** Which tokens the samples of a Monte-Carlo estimate mask, and what each counts. Plain numbers. */

import type { UniformSource } from "../sampling.js"

/** Of L tokens some are masked. */
export interface MaskedSample {
  /** Ascending. */
  masked: readonly number[]
  /** L / l, where l are masked. */
  weight: number
}

/**
 * l of L tokens are masked at random, where l takes the values 1 … L evenly over the samples, from a random one on (LLaDA's
 * evaluation). The mean of L / l · Σ f(masked token) over many is ∫ 1/t · E[Σ f(masked)] dt, tokens masked with
 * probability t ~ U(0, 1): the sum over masks of l is Σ 1/l · their mean in both.
 * @param uniform one number, then one per sample and token
 */
export function maskedSamples(length: number, samples: number, uniform: UniformSource): MaskedSample[] {
  if (length === 0) return Array.from({ length: samples }, () => ({ masked: [], weight: 0 }))
  const first = 1 + Math.floor(uniform() * length)
  return Array.from({ length: samples }, (_, sample) => {
    const count = ((Math.round(first + (sample * length) / samples) - 1) % length) + 1
    const order = Array.from({ length }, uniform)
    const masked = Array.from(order.keys())
      .sort((a, b) => order[a] - order[b])
      .slice(0, count)
      .sort((a, b) => a - b)
    return { masked, weight: length / count }
  })
}
