/** Random choices among data, one stream per seed and purpose. Not meant for noise. */

import { permutation, randomFrom } from "../../../src/data/prng.js"

export interface RandomStream {
  /** Uniform integer in [0, limit). */
  below(limit: number): number
  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[]
}

/**
 * The stream of a seed and a purpose: streams of different purposes do not depend on how much the others drew.
 * @example randomStream(1, "held-out pictures").below(10)
 */
export function randomStream(seed: number, purpose: string): RandomStream {
  const next = randomFrom(seed, ...Buffer.from(purpose))
  return {
    below: (limit) => Math.floor(next() * limit),
    shuffle: (items) => Array.from(permutation(items.length, next), (i) => items[i]),
  }
}
