/** What the decoders of diffusion models share: they read little of generation_config.json, and draw or do not. */

import type { GenerationConfig } from "../checkpoint/generation-config.js"
import type { DecodingOptions } from "./decoding-options.js"
import type { DecodingReport } from "./decoding-report.js"
import type { SamplingOptions } from "./sampling.js"

/** Members of generation_config.json that change nothing. */
const NEUTRAL: Record<string, readonly unknown[]> = {
  do_sample: [false],
  temperature: [1, 0],
  top_k: [50, 0, 1],
  top_p: [1],
  typical_p: [1],
  min_p: [0],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  repetition_penalty: [1],
  no_repeat_ngram_size: [0],
  min_new_tokens: [0],
  min_length: [0],
  max_length: [20],
}
/** The option that says the same, and wins where the file is read. */
const OPTIONS: Record<string, keyof DecodingOptions> = {
  do_sample: "temperature",
  temperature: "temperature",
  top_k: "topK",
  top_p: "topP",
  max_new_tokens: "maxTokens",
  max_length: "maxTokens",
}

/**
 * Tells what is not gone by: the authors' decoders read none of the sampling settings of generation_config.json.
 * @param used members that the decoder goes by
 */
export function leaveOutUnread(
  { file = "", values, unsupported }: GenerationConfig,
  options: DecodingOptions,
  report: DecodingReport,
  used: readonly string[],
  why: string,
): void {
  for (const [key, value] of Object.entries(values))
    if (!used.includes(key) && !NEUTRAL[key]?.includes(value) && options[OPTIONS[key]] === undefined)
      report.leaveOut(key, value, file, why)
  for (const { key, value } of unsupported) report.leaveOut(key, value, file, why)
}

/** Drawn at a temperature that is asked for, else the most likely token. */
export function samplingSettings(
  { temperature, topK, topP, seed }: DecodingOptions,
  report: DecodingReport,
): SamplingOptions {
  const chosen = report.choose<number>("temperature", [
    ["option", temperature],
    ["default", 0],
  ])
  if (chosen > 0) {
    report.chooseSeed(seed)
    return {
      temperature: chosen,
      topK: report.choose("topK", [["option", topK]], 0),
      topP: report.choose("topP", [["option", topP]], 1),
    }
  }
  // Values that would change nothing are as they were asked for.
  const asked: [name: string, value: number | undefined, neutral: readonly unknown[]][] = [
    ["topK", topK, [0, 1]],
    ["topP", topP, [1]],
    ["seed", seed, []],
  ]
  for (const [name, value, neutral] of asked)
    if (value !== undefined && !neutral.includes(value))
      report.leaveOut(name, value, "option", "at temperature 0 nothing is drawn")
  return { temperature: 0 }
}
