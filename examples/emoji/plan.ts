/** What the demo measures: models × ways of decoding × question sets. Plain data. */

import type { Decoding } from "./answerer.js"
import type { DemoRecipe } from "./recipe.js"
import type { StageName } from "./stages.js"

export type SetId = "vendor" | "pictures"

export interface Measurement {
  model: StageName
  set: SetId
  part: "main" | "remasking" | "block-size" | "steps" | "threshold"
  decoding?: Decoding
  questions: number
  likelihood: boolean
}

/** A model with a way of decoding. */
export type Contender = Pick<Measurement, "model" | "decoding">

/** All that are measured on the held-out vendor, the autoregressive control first: their speeds are compared. */
export function speedContenders(recipe: DemoRecipe): Contender[] {
  const seen = new Map<string, Contender>([["control", { model: "control" }]])
  for (const { model, set, decoding } of measurements(recipe)) {
    const key = decoding ? `${model} ${JSON.stringify(decoding)}` : model
    if (set === "vendor" && !seen.has(key)) seen.set(key, { model, ...(decoding && { decoding }) })
  }
  return [...seen.values()]
}

/** Whether it was asked all questions, to be compared with the other models. */
export function isComparison({ part }: Measurement): boolean {
  return part === "main" || part === "remasking"
}

/** The way of decoding that stands for a translated model: every token above 0.9, or else the leftmost one. */
export function mainDecoding({ stages }: DemoRecipe): Decoding {
  const { block_size } = stages.diffusion.block_diffusion
  return { blockSize: block_size, steps: block_size, threshold: 0.9, strategy: "sequential_dynamic" }
}

export function measurements(recipe: DemoRecipe): Measurement[] {
  const { evaluation } = recipe
  const main = mainDecoding(recipe)
  const translated = recipe.stages.diffusion.shifts.map((shift): StageName => `diffusion-${shift}`)
  const models: [StageName, Decoding | undefined][] = [
    ["autoregressive", undefined],
    ["control", undefined],
    ...translated.map((name): [StageName, Decoding] => [name, main]),
  ]
  const list: Measurement[] = []
  for (const set of ["vendor", "pictures"] as const)
    for (const [model, decoding] of models)
      list.push({ model, set, part: "main", decoding, questions: evaluation.questions, likelihood: set === "vendor" })
  for (const model of translated) {
    const add = (part: Measurement["part"], decoding: Decoding, questions = evaluation.sweep_questions): void => {
      list.push({ model, set: "vendor", part, decoding, questions, likelihood: false })
    }
    // The paper's order beside it, on all questions: the most confident token when none is above the threshold.
    add("remasking", { ...main, strategy: "low_confidence_dynamic" }, evaluation.questions)
    for (const size of evaluation.block_sizes) add("block-size", { ...main, blockSize: size, steps: size })
    for (const steps of evaluation.steps)
      add("steps", { blockSize: main.blockSize, steps, strategy: "low_confidence_static" })
    for (const threshold of evaluation.thresholds) add("threshold", { ...main, threshold })
  }
  return list
}
