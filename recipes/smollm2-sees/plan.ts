/** What is measured: models × questions. Plain data. */

import type { DecodingOptions } from "../../src/paradigms/decoding-options.js"
import type { Settings } from "./settings.js"
import { WAYS, type Way } from "./stages.js"
import { TEXT_SETS, type TextSet } from "./text-questions.js"

/** language: the model before it learns to see. */
export type ModelName = "language" | Way

/** Questions with pictures. unseen: those of easy-vqa, each with the picture of another. */
export type PictureSet = "easy-vqa" | "captions" | "unseen"

export type Measurement =
  | { model: Way; set: PictureSet; decoding: DecodingOptions }
  | { model: ModelName; set: TextSet }

export const isText = (measurement: Measurement): measurement is { model: ModelName; set: TextSet } =>
  TEXT_SETS.some((set) => set === measurement.set)

/** Block size of the translations, and of the answers of full diffusion. */
export const BLOCK = 8

export function decodingOf(way: Way, set: PictureSet, { evaluation }: Pick<Settings, "evaluation">): DecodingOptions {
  const { threshold, strategy, answer_tokens, caption_tokens, answer_steps, caption_steps } = evaluation
  const maxTokens = set === "captions" ? caption_tokens : answer_tokens
  switch (way) {
    case "autoregressive":
      return { maxTokens }
    case "block-diffusion":
      return { maxTokens, blockSize: BLOCK, steps: BLOCK, strategy, threshold }
    case "full-diffusion": {
      const whole = Math.ceil(maxTokens / BLOCK) * BLOCK
      return { maxTokens: whole, blockSize: BLOCK, steps: set === "captions" ? caption_steps : answer_steps }
    }
  }
}

export function measurements(settings: Pick<Settings, "evaluation">): Measurement[] {
  const pictures = (way: Way, set: PictureSet): Measurement => ({
    model: way,
    set,
    decoding: decodingOf(way, set, settings),
  })
  const text = settings.evaluation.text_questions > 0 ? TEXT_SETS : []
  return [
    ...text.map((set): Measurement => ({ model: "language", set })),
    ...WAYS.flatMap((way): Measurement[] => [
      pictures(way, "easy-vqa"),
      ...(way === "autoregressive" ? [pictures(way, "unseen")] : []),
      pictures(way, "captions"),
      ...text.map((set): Measurement => ({ model: way, set })),
    ]),
  ]
}
