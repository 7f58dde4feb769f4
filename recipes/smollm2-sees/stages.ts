/** The trainings: the connector alone, then everything but the tower in three ways, from the same start with the same samples. */

import { join } from "node:path"
import { finishedModel } from "../../src/train/trainer.js"
import { stageRecipe } from "../shared/stage-recipe.js"
import type { Training } from "../shared/train-stage.js"
import type { Settings } from "./settings.js"

/** Ways of stage 2. */
export const WAYS = ["autoregressive", "block-diffusion", "full-diffusion"] as const
export type Way = (typeof WAYS)[number]

export interface Stage extends Training {
  name: "connector" | Way
}

const TITLES: Record<Stage["name"], string> = {
  connector: "stage 1, the connector",
  autoregressive: "stage 2, autoregressive",
  "block-diffusion": "stage 2, block diffusion",
  "full-diffusion": "stage 2, full diffusion",
}

export interface StageInput {
  settings: Pick<Settings, "seed" | "dtype" | "steps" | "lora">
  /** Of the run: models and data are there, everything is written there, and paths of pictures are relative to it. */
  folder: string
  /** More `key=value` for all recipes. */
  train: readonly string[]
}

/** @throws UserError for a key that no recipe has, or a value that it cannot have */
export function stagesOf({ settings, folder, train }: StageInput): Stage[] {
  const { seed, dtype, steps, lora } = settings
  const stage = (name: Stage["name"], model: string, data: "captions" | "conversations"): Stage => {
    const usual = [
      `train.max_steps=${name === "connector" ? steps.connector : steps.whole}`,
      `train.seed=${seed}`,
      `train.dtype=${dtype}`,
      // The connector is new: of it there is nothing to adapt.
      ...(lora && name !== "connector" ? [`lora=${JSON.stringify(lora)}`] : []),
    ]
    const decided = [
      `model=${JSON.stringify(model)}`,
      `output=${JSON.stringify(join(folder, name))}`,
      `data.file=${join(folder, `${data}.jsonl`)}`,
      `data.image_root=${folder}`,
      `data.feature_cache=${join(folder, "features")}`,
    ]
    const config = stageRecipe(new URL(`${name}.yaml`, import.meta.url), { usual, train, decided })
    return { name, title: TITLES[name], config }
  }
  const first = stage("connector", join(folder, "composed"), "captions")
  return [first, ...WAYS.map((way) => stage(way, finishedModel(first.config.output), "conversations"))]
}
