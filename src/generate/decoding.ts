/** Resolves how an answer will be decoded: options, else the model's own settings, else defaults. */

import type { GenerationConfig } from "../checkpoint/generation-config.js"
import { autoregressiveSettings } from "./autoregressive-settings.js"
import { blockSettings } from "./block-settings.js"
import { DecodingReport } from "./decoding-report.js"
import type { DecodingOptions } from "./options.js"
import type { Session } from "./session.js"

export type { DecodingReport } from "./decoding-report.js"

const NOTHING: GenerationConfig = { values: {}, unsupported: [] }

export type ResolvedDecoding = { report: DecodingReport } & (
  | { paradigm: "autoregressive"; settings: ReturnType<typeof autoregressiveSettings> }
  | { paradigm: "block-diffusion"; settings: ReturnType<typeof blockSettings> }
)

/**
 * @param promptRows length of the prompt
 * @throws UserError when the model's own settings cannot be used with this prompt
 */
export function resolveDecoding(session: Session, options: DecodingOptions, promptRows: number): ResolvedDecoding {
  const report = new DecodingReport()
  const { paradigm } = session
  const generation = options.generationConfig === false ? NOTHING : session.generation
  return paradigm === "autoregressive"
    ? { paradigm, settings: autoregressiveSettings(session, generation, options, promptRows, report), report }
    : { paradigm, settings: blockSettings(session, generation, options, report), report }
}
