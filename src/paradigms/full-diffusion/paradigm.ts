/** Full diffusion (paper, equation 2; LLaDA): the whole answer is denoised at once, every position seeing every other. */

import { endToken, maskToken } from "../../checkpoint/config.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { withFilledAnswers } from "../../text/filled-answers.js"
import { layOut } from "../../text/layout.js"
import type { Paradigm } from "../paradigm.js"
import { fullDiffusionDecoding } from "./decoder.js"
import { fullDiffusionLikelihoods } from "./likelihood.js"
import { fullDiffusionObjective } from "./objective.js"
import { checkRecord, type FullDiffusionRecipe, fullDiffusionRecipe, recordOf, trainedShift } from "./recipe.js"
import { FULL_REMASKING } from "./remasking.js"
import { type FullSettings, fullSettings } from "./settings.js"
import { turnRule } from "./turns.js"

export const fullDiffusion: Paradigm<FullDiffusionRecipe, FullSettings> = {
  name: "full-diffusion",
  noun: "a full-diffusion model",
  masks: true,
  wholeAnswer: true,
  per: "samples",
  recipe: fullDiffusionRecipe,
  record: recordOf,
  check: checkRecord,
  learn: ({ learn }) => learn,
  arrange: (encoded, { fill_to: size }, { config }) =>
    size === 0 ? encoded : withFilledAnswers(encoded, { size, eos: endToken(config) }),
  layOut: (encoded, _, { imageSpans, maxLength }) => layOut(encoded, imageSpans, { maxLength }),
  objective(model, batch, { recipe, maskToken, per, uniform }) {
    const { noise_range, shift, turns } = recipe
    const [epsMin, epsMax] = noise_range
    const options = {
      maskToken: maskToken!,
      per,
      shift,
      epsMin,
      epsMax,
      ...(turns && { turns: turnRule(model.config) }),
    }
    return fullDiffusionObjective(model, batch, options, uniform)
  },
  nothingLearned: ["was masked", "raise full_diffusion.noise_range, or train more steps"],
  options: ["blockSize", "steps", "strategy", "threshold", "shift", "reference", "guidance", "prefixRefresh", "stop"],
  checkOptions({ strategy, stop = [], format }) {
    if (format !== undefined && stop.length > 0)
      throw new UserError("an answer that has a format ends where the format does, not before a text", {
        fix: "leave stop or the format out",
      })
    if (!Array.isArray(stop) || !stop.every((text) => typeof text === "string" && text !== ""))
      throw new UserError(`stop must be texts that are not empty, not ${shown(stop)}`, {
        fix: "leave it out where the answer ends by itself",
      })
    if (strategy !== undefined && !FULL_REMASKING.some((name) => name === strategy))
      throw new UserError(`there is no remasking strategy ${shown(strategy)}`, {
        fix: `use ${FULL_REMASKING.join(", ")}`,
      })
  },
  ends: ({ config }) => [...new Set([endToken(config), ...config.tokens.eos])],
  settings: fullSettings,
  decode: ({ ids }, settings) => fullDiffusionDecoding(ids.length, settings),
  likelihoods: ({ ids }, answers, config, { shift, maxTokens, bound }) =>
    fullDiffusionLikelihoods(ids.length, answers, {
      maskToken: maskToken(config),
      bound,
      shift: shift ?? trainedShift(config),
      genLength: maxTokens,
    }),
}
