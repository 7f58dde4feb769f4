/** What the demo measures: models × ways of decoding × question sets. Plain data. */

import type { Decoding } from "./answerer.js"
import type { DemoRecipe } from "./recipe.js"
import type { StageName } from "./stages.js"

export type SetId = "vendor" | "pictures"

export interface Measurement {
  model: StageName
  set: SetId
  part: "main" | "block-size" | "steps" | "threshold"
  decoding?: Decoding
  questions: number
  likelihood: boolean
}

/** The way of decoding that stands for a translated model. */
export const MAIN_THRESHOLD = 0.9

export function measurements({ evaluation, stages }: DemoRecipe): Measurement[] {
  const blockSize = stages.diffusion.block_diffusion.block_size
  const main: Decoding = { blockSize, steps: blockSize, threshold: MAIN_THRESHOLD }
  const models: [StageName, Decoding | undefined][] = [
    ["autoregressive", undefined],
    ["control", undefined],
    ["diffusion-next", main],
    ["diffusion-same", main],
  ]
  const list: Measurement[] = []
  for (const set of ["vendor", "pictures"] as const)
    for (const [model, decoding] of models)
      list.push({ model, set, part: "main", decoding, questions: evaluation.questions, likelihood: set === "vendor" })
  const sweep = (part: Measurement["part"], decoding: Decoding, model: StageName = "diffusion-next"): void => {
    list.push({ model, set: "vendor", part, decoding, questions: evaluation.sweep_questions, likelihood: false })
  }
  for (const model of ["diffusion-next", "diffusion-same"] as const) {
    for (const size of evaluation.block_sizes)
      sweep("block-size", { blockSize: size, steps: size, threshold: MAIN_THRESHOLD }, model)
    for (const steps of evaluation.steps) sweep("steps", { blockSize, steps }, model)
    for (const threshold of evaluation.thresholds) sweep("threshold", { blockSize, steps: blockSize, threshold }, model)
  }
  return list
}
