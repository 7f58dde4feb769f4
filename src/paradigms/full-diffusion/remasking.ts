/** How many masked tokens become final in each step of full diffusion, and which (docs/reference.md, "Full-diffusion generation"). */

export const FULL_REMASKING = ["low_confidence", "random"] as const

/**
 * low_confidence: the tokens that the model is most sure of.
 *
 * random: any.
 */
export type FullRemasking = (typeof FULL_REMASKING)[number]

/** Masks dealt evenly to the steps of a block, larger shares first. */
export function evenShares(masks: number, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => Math.floor(masks / steps) + (step < masks % steps ? 1 : 0))
}

/**
 * How many tokens are sure enough together: as many as have c_j ≥ 1 − f / (j + 1) in a row, at least one.
 * @param confidences c_1, c_2, … in descending order
 * @param factor f, the adaptive threshold
 */
export function adaptiveShare(confidences: ArrayLike<number>, factor: number): number {
  let count = Math.min(1, confidences.length)
  while (count < confidences.length && confidences[count] >= 1 - factor / (count + 2)) count++
  return count
}

/** Indices in descending order of their scores; of equal ones the first comes first. */
export function ranking(scores: ArrayLike<number>): number[] {
  return Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b)
}
