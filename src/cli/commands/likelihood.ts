/** Options that say what likelihoods are, for commands that compute them. */

import { type Command, Option } from "commander"
import { DEFAULT_SAMPLES } from "../../paradigms/likelihood/bound.js"
import { wholeNumber } from "../options.js"

export interface LikelihoodFlags {
  likelihood?: "exact" | "bound"
  likelihoodSamples?: number
  seed?: number
}

export function withLikelihood(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--likelihood <kind>",
        "of diffusion models: exact, of decoding from left to right, or an estimate of the bound that training lowers, as papers report (default: exact)",
      ).choices(["exact", "bound"]),
    )
    .option(
      "--likelihood-samples <n>",
      `draws of noise that the bound is estimated from, --seed is theirs (default: ${DEFAULT_SAMPLES})`,
      wholeNumber(1),
    )
}
