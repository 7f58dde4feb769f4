/** Resolves how an answer will be decoded: options, else the model's own settings, else defaults. */

import type { GenerationConfig } from "../checkpoint/generation-config.js"
import { UserError } from "../errors.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import { DecodingReport } from "../paradigms/decoding-report.js"
import type { DecodingSettings } from "../paradigms/paradigm.js"
import { inMode, modeWarning } from "./mode.js"
import type { Unloaded } from "./session.js"

const NOTHING: GenerationConfig = { values: {}, unsupported: [] }

export interface ResolvedDecoding {
  settings: DecodingSettings
  report: DecodingReport
}

/** @throws UserError when the model's own settings cannot be used with this prompt */
export function resolveDecoding(given: Unloaded, options: DecodingOptions, promptTokens: number): ResolvedDecoding {
  const session = inMode(given, options.mode)
  const { paradigm } = session
  const report = new DecodingReport()
  report.choose("mode", [["option", options.mode]])
  const warning = modeWarning(session)
  if (warning !== undefined) report.warnings.push(warning)
  const generation = options.generationConfig === false ? NOTHING : session.generation
  const settings = paradigm.settings({ ...session, generation }, options, promptTokens, report)
  if (options.format !== undefined && !settings.constraint)
    throw new UserError(`${session.name} is ${paradigm.noun}: it cannot be held to a format`, {
      fix: "leave the format out, and say in the prompt what the answer should look like",
    })
  return { settings, report }
}
