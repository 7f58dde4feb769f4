/** The paradigm of a recipe, and the configuration of the model that comes out. */

import type { ModelConfig } from "../../checkpoint/config.js"
import type { TokenAt } from "../../checkpoint/mask-token.js"
import { UserError } from "../../errors.js"
import { asParadigm, withMask } from "../../paradigms/translate.js"
import { chosenParadigm, type TrainingConfig } from "./config.js"

/**
 * The configuration of the model that comes out.
 * @param tokenAt tokens of its tokenizer, which the mask must not be
 */
export function targetConfig(source: ModelConfig, config: TrainingConfig, tokenAt: TokenAt): ModelConfig {
  const { paradigm, section } = chosenParadigm(config)
  const recorded = paradigm.record(section)
  // The same paradigm with nothing to record changes nothing.
  if (paradigm.name === source.paradigm.name && Object.keys(recorded).length === 0) return source
  const { min_pixels: minPixels, max_pixels: maxPixels } = config.data
  const masked = paradigm.masks ? withMask(source, tokenAt, config.model, true) : source
  paradigm.checkTraining?.(masked, config.model)
  return asParadigm(masked, paradigm, {
    recorded,
    ...(minPixels && maxPixels && { image: { minPixels, maxPixels } }),
  })
}

/** A training without a token to learn has left every weight as it was. */
export function nothingLearned(config: TrainingConfig): UserError {
  const [what, fix] = chosenParadigm(config).paradigm.nothingLearned
  return new UserError(`nothing was learned: no token of the samples ${what} in any step`, {
    where: config.output,
    fix: fix ?? `look at the answers of ${config.data.file} with \`diffusionvl data check\``,
  })
}
