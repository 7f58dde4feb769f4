/** What was asked for of likelihoods. */

import { UserError } from "../../errors.js"
import { DEFAULT_SEED } from "../../paradigms/decoding-report.js"
import { DEFAULT_SAMPLES } from "../../paradigms/likelihood/bound.js"
import type { LikelihoodBound } from "../../paradigms/paradigm.js"
import type { LikelihoodFlags } from "../commands/likelihood.js"

/** Undefined: exact. @throws UserError for samples of nothing */
export function boundOf({ likelihood, likelihoodSamples, seed }: LikelihoodFlags): LikelihoodBound | undefined {
  if (likelihood === "bound") return { samples: likelihoodSamples ?? DEFAULT_SAMPLES, seed: seed ?? DEFAULT_SEED }
  if (likelihoodSamples === undefined) return undefined
  throw new UserError("an exact likelihood has no samples", {
    where: "--likelihood-samples",
    fix: "add --likelihood bound, or leave it out",
  })
}
