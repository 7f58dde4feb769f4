/** How a block-diffusion model decodes: as its authors' code, with what the model asks for, unless options say otherwise. */

import { join } from "node:path"
import { maskToken } from "../../checkpoint/config.js"
import type { GenerationConfig } from "../../checkpoint/generation-config.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { constraintOf } from "../constraint-of.js"
import { type DecodingOptions, MAX_TOKENS } from "../decoding-options.js"
import type { DecodingReport } from "../decoding-report.js"
import { leaveOutUnread, samplingSettings } from "../diffusion-settings.js"
import type { OpenedModel } from "../paradigm.js"
import type { BlockDecoderOptions } from "./decoder.js"
import { trainedBlocks } from "./recipe.js"
import { REMASKING_STRATEGIES, type RemaskingStrategy } from "./remasking.js"

/** Members of generation_config.json that block diffusion goes by. */
const USED = ["remasking_strategy", "confidence_threshold", "eos_token_id"]

export type BlockSettings = Omit<BlockDecoderOptions, "uniform"> & { genLength: number }

/** Of generation_config.json: `remasking_strategy` and `confidence_threshold`, called as the authors call them. */
interface RemaskingDefaults {
  strategy: RemaskingStrategy
  threshold?: number
}

/**
 * How the model wants its blocks decoded when nothing else is asked for.
 * @throws UserError for a strategy that there is not
 */
export function remaskingDefaults(
  { file = "generation_config.json", values }: GenerationConfig,
  folder: string,
): RemaskingDefaults | undefined {
  const { remasking_strategy: named, confidence_threshold: threshold } = values
  const strategy = REMASKING_STRATEGIES.find((strategy) => strategy === named)
  if (named !== undefined && !strategy)
    throw new UserError(`unknown remasking_strategy ${shown(named)}`, {
      where: join(folder, file),
      fix: `it can be ${REMASKING_STRATEGIES.join(", ")}`,
    })
  if (strategy === "low_confidence_static") return { strategy }
  return strategy || threshold !== undefined ? { strategy: strategy ?? "low_confidence_dynamic", threshold } : undefined
}

/** The authors' decoder reads none of the sampling settings of generation_config.json, and neither does this. */
export function blockSettings(
  opened: OpenedModel,
  options: DecodingOptions,
  _promptTokens: number,
  report: DecodingReport,
): BlockSettings {
  const { config, generation, folder, eos } = opened
  const { file = "", values } = generation
  const why = "block diffusion decodes as its authors' code, which does not read it"
  leaveOutUnread(generation, options, report, USED, why)
  const trained = trainedBlocks(config)
  const recorded = config.paradigm.name === "block-diffusion" ? "config.json" : "default"
  const genLength = report.choose("maxTokens", [["option", options.maxTokens], ["default", MAX_TOKENS] as const])
  const blockSize = report.choose("blockSize", [
    ["option", options.blockSize],
    [recorded, trained.blockSize],
  ])
  const model = remaskingDefaults(generation, folder)
  const { strategy, threshold } = remasking(model, options)
  const { remasking_strategy: wanted, confidence_threshold: above } = values
  if (wanted !== undefined && wanted !== strategy && options.strategy === undefined)
    report.leaveOut(
      "remasking_strategy",
      wanted,
      file,
      options.threshold === undefined
        ? "steps are asked for, to make as many tokens final in each"
        : "a threshold is asked for",
    )
  if (model && above !== undefined && threshold === undefined)
    report.leaveOut("confidence_threshold", above, file, "the static strategy has no threshold")
  return {
    eos,
    genLength,
    maskToken: maskToken(config),
    constraint: constraintOf(opened, options.format, genLength, { report, cacheSalt: options.cacheSalt }),
    blockSize,
    steps: report.choose("steps", [["option", options.steps], ["default", blockSize] as const]),
    strategy: report.choose("strategy", [
      ["option", options.strategy as RemaskingStrategy | undefined],
      [strategy === model?.strategy ? file : "default", strategy],
    ]),
    threshold: report.choose("threshold", [
      ["option", options.threshold],
      [threshold === model?.threshold ? file : "default", threshold],
    ]),
    shift: report.choose("shift", [
      ["option", options.shift],
      [recorded, trained.shift],
    ]),
    ...(trained.context === "causal" && { context: report.choose("context", [[recorded, trained.context]]) }),
    reference: options.reference,
    dropCache: options.dropCache,
    ...config.decoding,
    ...samplingSettings(options, report),
  }
}

/** What is asked for; else what the model wants; else the authors' defaults. */
function remasking(
  own: RemaskingDefaults | undefined,
  { steps, strategy: asked, threshold }: DecodingOptions,
): RemaskingDefaults {
  const strategy = asked as RemaskingStrategy | undefined
  if (strategy === "low_confidence_static") return { strategy }
  if (strategy !== undefined) return { strategy, threshold: threshold ?? own?.threshold }
  if (threshold !== undefined)
    return { strategy: own?.strategy === "sequential_dynamic" ? own.strategy : "low_confidence_dynamic", threshold }
  // A number of steps is asked for to make as many tokens final in each.
  return steps === undefined && own ? own : { strategy: "low_confidence_static" }
}
