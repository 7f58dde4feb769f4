/** How a bound on likelihoods is estimated, checked before anything is computed. */

import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { LikelihoodBound } from "../paradigm.js"

/** Samples when nobody says, as LLaDA's evaluation has. */
export const DEFAULT_SAMPLES = 128

/** All of a document are planned before the first is computed, of full diffusion each with a copy of the prompt. */
const MOST_SAMPLES = 1 << 13

/** @throws UserError when there can be no such estimate */
export function requireBound(bound: LikelihoodBound): LikelihoodBound {
  const { samples, seed } = bound
  if (!(Number.isInteger(samples) && samples >= 1 && samples <= MOST_SAMPLES))
    throw new UserError(`a bound cannot be estimated with ${shown(samples)} samples`, {
      fix: `take 1 to ${MOST_SAMPLES}; ${DEFAULT_SAMPLES} is usual`,
    })
  if (!(Number.isSafeInteger(seed) && seed >= 0))
    throw new UserError(`seed must be a whole number of at least 0, not ${shown(seed)}`)
  return bound
}
