/** What is measured: models × ways of decoding. Plain data. */

import type { Decoding, Settings } from "./settings.js"

/** base: what is translated. control: trained on as many samples, autoregressively. */
export type ModelName = "base" | "control" | "translated"

export interface Measurement {
  model: ModelName
  part: "main" | "block size" | "threshold" | "steps"
  decoding?: Decoding
  /** Of each set, the first ones. */
  questions?: number
  /** Likelihood of the answers, and choice by it. */
  likelihood: boolean
}

/** The way of decoding that stands for the translated model. */
export function mainDecoding({ evaluation: { threshold, strategy } }: Settings, blockSize: number): Decoding {
  return { blockSize, steps: blockSize, strategy, threshold }
}

/** @param blockSize the one that was trained */
export function measurements(settings: Settings, blockSize: number): Measurement[] {
  const { block_sizes, thresholds, steps, sweep_questions: questions } = settings.evaluation
  const main = mainDecoding(settings, blockSize)
  const sweep = (part: Measurement["part"], decoding: Decoding, likelihood = false): Measurement => {
    return { model: "translated", part, decoding, questions, likelihood }
  }
  return [
    { model: "base", part: "main", likelihood: true },
    { model: "control", part: "main", likelihood: true },
    { model: "translated", part: "main", decoding: main, likelihood: true },
    ...block_sizes.map((size) => sweep("block size", { ...main, blockSize: size, steps: size }, true)),
    ...thresholds.map((threshold) => sweep("threshold", { ...main, threshold })),
    ...steps
      .filter((count) => count <= blockSize)
      .map((count) => sweep("steps", { blockSize, steps: count, strategy: "low_confidence_static" })),
  ]
}
