/** A vision tower alone in a folder of its own, as `readTower` and `composeModel` take it. */

import path from "node:path"
import { createFolder, writeJson } from "../../checkpoint/files.js"
import type { Json } from "../../checkpoint/json.js"
import { writeTensors } from "../../checkpoint/safetensors/safetensors.js"
import type { Tensor } from "../../torch/index.js"
import { tensorEntries } from "../save.js"
import { readTower } from "./folder.js"
import { towerFamilyOf } from "./registry.js"
import type { TowerConfig } from "./tower.js"

/** What the folder of a tower holds. */
export interface NewTower {
  config: TowerConfig
  /** By the names that the family has on disk; also what it ignores, such as the rest of the model it was trained in. */
  tensors: ReadonlyMap<string, Tensor>
  /** preprocessor_config.json: how pictures become tiles. */
  pictures: Json
}

/**
 * Writes config.json, model.safetensors and preprocessor_config.json. The folder appears whole or not at all.
 * @throws UserError when the family is not registered with these tensors' names and shapes, or the folder is not empty
 */
export async function saveTower(folder: string, { config, tensors, pictures }: NewTower): Promise<void> {
  const family = towerFamilyOf(config)
  await createFolder(folder, async (staging) => {
    await writeTensors(staging, tensorEntries(tensors), {})
    await writeJson(path.join(staging, "config.json"), {
      ...family.write(config),
      model_type: config.raw.model_type ?? family.modelTypes[0],
    })
    await writeJson(path.join(staging, "preprocessor_config.json"), pictures)
    readTower(staging)
  })
}
