/** Block diffusion (paper, section 3.4 and 3.5): blocks one after the other, the tokens of each denoised together. */

import { endToken, maskToken } from "../../checkpoint/config.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { withFilledBlocks } from "../../text/filled-answers.js"
import { layOut } from "../../text/layout.js"
import type { Paradigm } from "../paradigm.js"
import { blockDecoding } from "./decoder.js"
import { blockLikelihoods } from "./likelihood.js"
import { blockDiffusionObjective } from "./objective.js"
import {
  type BlockDiffusionRecipe,
  blockDiffusionRecipe,
  blockSizeAt,
  blockSizeProblem,
  checkRecord,
  checkTraining,
  recordOf,
  trainedBlocks,
} from "./recipe.js"
import { REMASKING_STRATEGIES } from "./remasking.js"
import { type BlockSettings, blockSettings, remaskingDefaults } from "./settings.js"

export const blockDiffusion: Paradigm<BlockDiffusionRecipe, BlockSettings> = {
  name: "block-diffusion",
  noun: "a block-diffusion model",
  masks: true,
  per: "samples",
  recipe: blockDiffusionRecipe,
  problems(recipe, { maxLength }) {
    const { block_size: size } = recipe
    if (size > maxLength) return [[["block_size"], `${size} is above data.max_length, ${maxLength}`]]
    const problem = blockSizeProblem(recipe)
    return problem ? [[["anneal"], problem]] : []
  },
  record: recordOf,
  check: checkRecord,
  checkTraining,
  learn: ({ learn }) => learn,
  arrange: (encoded, { fill, block_size: size }, { imageSpans, config }) =>
    fill === "last" ? encoded : withFilledBlocks(encoded, imageSpans, { size, eos: endToken(config) }),
  layOut: (encoded, { block_size: size }, { imageSpans, maxLength, config }) =>
    layOut(encoded, imageSpans, { maxLength, blocks: { size, eos: endToken(config) } }),
  objective(model, batch, { recipe, maskToken, per, uniform, progress = 1 }) {
    const { noise: schedule, noise_range, shift, context, weight, copies } = recipe
    const [epsMin, epsMax] = noise_range
    const blockSize = blockSizeAt(recipe, progress)
    const options = { blockSize, maskToken: maskToken!, schedule, epsMin, epsMax, shift, context, weight, copies, per }
    return blockDiffusionObjective(model, batch, options, uniform)
  },
  nothingLearned: ["was masked", "raise block_diffusion.noise_range, or train more steps"],
  options: ["blockSize", "steps", "strategy", "threshold", "shift", "reference", "dropCache"],
  checkOptions({ strategy, threshold, dropCache, shift }) {
    if (strategy !== undefined && !REMASKING_STRATEGIES.some((name) => name === strategy))
      throw new UserError(`there is no remasking strategy ${shown(strategy)}`, {
        fix: `use ${REMASKING_STRATEGIES.join(", ")}`,
      })
    if (dropCache && shift === "next")
      throw new UserError("a dropped cache has no token before the block to predict its first from", {
        fix: "leave dropCache or the shift out",
      })
    if (strategy === "low_confidence_static" && threshold !== undefined)
      throw new UserError("the static strategy has no threshold", { fix: "leave one of the two out" })
  },
  // The authors' decoder ends at what config.json names only.
  ends: ({ config }) => [...new Set([endToken(config), ...config.tokens.eos])],
  checkGeneration: ({ generation, folder }) => void remaskingDefaults(generation, folder),
  settings: blockSettings,
  decode: ({ ids }, settings) => blockDecoding(ids.length, settings),
  likelihoods({ ids }, answers, config, { blockSize, shift, bound }) {
    const trained = trainedBlocks(config)
    return blockLikelihoods(ids.length, answers, {
      blockSize: blockSize ?? trained.blockSize,
      shift: shift ?? trained.shift,
      context: trained.context,
      maskToken: maskToken(config),
      bound,
    })
  },
}
