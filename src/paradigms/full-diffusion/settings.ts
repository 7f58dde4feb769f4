/** How a full-diffusion model decodes: as its authors' code, unless options say otherwise. */

import { maskToken } from "../../checkpoint/config.js"
import { UserError } from "../../errors.js"
import { constraintOf } from "../constraint-of.js"
import { type DecodingOptions, MAX_TOKENS } from "../decoding-options.js"
import type { DecodingReport } from "../decoding-report.js"
import { leaveOutUnread, samplingSettings } from "../diffusion-settings.js"
import type { OpenedModel } from "../paradigm.js"
import type { FullDiffusionDecoderOptions } from "./decoder.js"
import { trainedShift } from "./recipe.js"
import type { FullRemasking } from "./remasking.js"

export type FullSettings = Omit<FullDiffusionDecoderOptions, "uniform"> & { genLength: number; eos: readonly number[] }

/**
 * One block of the whole answer, a token per step, when nobody says.
 * @throws UserError when the answer is no whole number of blocks
 */
export function fullSettings(
  opened: OpenedModel,
  options: DecodingOptions,
  _promptTokens: number,
  report: DecodingReport,
): FullSettings {
  const { config, generation, eos, tokenizer } = opened
  const why = "full diffusion decodes as its authors' code, which does not read it"
  leaveOutUnread(generation, options, report, ["eos_token_id"], why)
  for (const name of ["topK", "topP"] as const)
    if (options[name] !== undefined)
      report.leaveOut(name, options[name], "option", "full diffusion draws from all tokens")
  const genLength = report.choose("maxTokens", [["option", options.maxTokens], ["default", MAX_TOKENS] as const])
  const blockSize = report.choose("blockSize", [["option", options.blockSize], ["default", genLength] as const])
  if (genLength % blockSize !== 0)
    throw new UserError(`an answer of ${genLength} tokens is no whole number of blocks of ${blockSize}`, {
      fix: `ask for ${Math.ceil(genLength / blockSize) * blockSize} tokens, or choose another block size`,
    })
  const steps = report.choose("steps", [["option", options.steps], ["default", blockSize] as const])
  const mask = maskToken(config)
  const stop = (options.stop ?? []).map((text) => tokenizer.encode(text, { special: true }))
  return {
    eos,
    genLength,
    maskToken: mask,
    constraint: constraintOf(opened, options.format, genLength, {
      report,
      cacheSalt: options.cacheSalt,
      suppress: config.tokens.suppress,
    }),
    blockSize,
    steps: steps * (genLength / blockSize),
    stop: stop.filter((ids) => ids.length > 0),
    // A mask that is predicted stays one, in the authors' loop too.
    suppress: [...(config.tokens.suppress ?? []), ...(options.reference ? [] : [mask])],
    remasking: report.choose("strategy", [
      ["option", options.strategy as FullRemasking | undefined],
      ["default", "low_confidence"],
    ]),
    threshold: report.choose("threshold", [["option", options.threshold]]),
    prefixRefresh: report.choose("prefixRefresh", [["option", options.prefixRefresh]], 1),
    guidance: report.choose("guidance", [["option", options.guidance]], 0),
    shift: report.choose("shift", [
      ["option", options.shift],
      [config.paradigm.name === "full-diffusion" ? "config.json" : "default", trainedShift(config)],
    ]),
    reference: options.reference,
    temperature: samplingSettings({ temperature: options.temperature, seed: options.seed }, report).temperature,
  }
}
