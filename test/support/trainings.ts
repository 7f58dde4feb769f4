/** Trainings of the small vision-language model, each in a folder of its own. */

import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { TrainingConfig } from "../../src/train/recipe/config.js"
import { type SmallData, smallTraining, writeSmallVlm } from "./small-vlm.js"

export interface Trainings {
  small: SmallData
  recipe(overrides?: Parameters<typeof smallTraining>[2]): TrainingConfig
  /** A copy of the starting model, whose files may be changed. */
  copyOfModel(name: string): string
  /** A copy of the starting model with another config.json. */
  modelWith(name: string, change: (json: Record<string, unknown>) => void): { model: string; file: string }
}

export async function trainingsIn(folder: string): Promise<Trainings> {
  const small = await writeSmallVlm(folder)
  let outputs = 0
  const copyOfModel = (name: string): string => {
    const copy = join(folder, name)
    cpSync(small.model, copy, { recursive: true })
    return copy
  }
  return {
    small,
    recipe: (overrides = {}) => smallTraining(small, join(folder, `run-${outputs++}`), overrides),
    copyOfModel,
    modelWith(name, change) {
      const model = copyOfModel(name)
      const file = join(model, "config.json")
      const json = JSON.parse(readFileSync(file, "utf8"))
      change(json)
      writeFileSync(file, JSON.stringify(json))
      return { model, file }
    },
  }
}
