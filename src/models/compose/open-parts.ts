/** The parts of a model to be composed, opened and held against each other. */

import fs from "node:fs"
import path from "node:path"
import { isAdapter } from "../../checkpoint/adapter-files.js"
import type { ModelConfig } from "../../checkpoint/config.js"
import { readJsonObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { type Checkpoint, type DequantisedType, readCheckpoint } from "../checkpoint.js"
import { connectorNamed } from "../connectors/registry.js"
import { architectureOf, architectureOfType } from "../registry.js"
import { readTower, type TowerFolder } from "../towers/folder.js"
import { towerFamilyOf, towerOfType } from "../towers/registry.js"
import { rowsOfTile, type TiledVisionConfig } from "../vision/tiled-vision.js"

/** @throws UserError for an adapter, and a model that sees already */
export function readLanguageModel(folder: string, dequantised?: DequantisedType): Checkpoint {
  if (isAdapter(folder))
    throw new UserError("it is an adapter, which is no whole language model", {
      where: folder,
      fix: "merge it with its base first: diffusionvl convert --merge",
    })
  const found = readCheckpoint(folder, dequantised)
  if (architectureOf(found.config).images)
    throw new UserError(`it is a ${architectureOf(found.config).title} model, which sees already`, {
      where: folder,
      fix: "it needs no tower: leave --tower out and remove `vision:` from the recipe, or name a language model",
    })
  return found
}

/** @throws UserError for what is no tower alone */
export function readTowerAlone(folder: string): TowerFolder {
  const file = path.join(folder, "config.json")
  const kind = fs.statSync(folder, { throwIfNoEntry: false })
  if (!kind?.isDirectory() || !fs.existsSync(file))
    throw new UserError(kind === undefined ? "there is no such folder" : "it is no folder with a config.json", {
      where: folder,
      fix: "a vision tower is a folder with config.json, model.safetensors and preprocessor_config.json",
    })
  const { model_type: type, vision_config: vision } = readJsonObject(file)
  const whole = architectureOfType(type)
  if (whole && (vision !== undefined || !towerOfType(type)))
    throw new UserError(`it is a whole model (${whole.title}), no vision tower`, {
      where: folder,
      fix: "give the folder of the tower alone, such as the one that the model was made with",
    })
  return readTower(folder)
}

/** @throws UserError when tower and connector do not fit together */
export function visionOf(
  { config: tower, folder }: TowerFolder,
  language: ModelConfig,
  {
    connector = "mlp2x_gelu",
    anyres,
    layer = towerFamilyOf(tower).usualLayer ?? -1,
  }: { connector?: string; anyres?: number; layer?: number },
): TiledVisionConfig {
  if (anyres !== undefined && !(Number.isInteger(anyres) && anyres >= 1 && anyres <= 9999))
    throw new UserError(`anyres is ${anyres}, not a number of tiles`, { fix: "use a whole number such as 4" })
  const vision: TiledVisionConfig = {
    tower,
    selection: { layers: [layer], skipFirst: tower.classTokens > 0, postNorm: false },
    connector: connectorNamed(connector),
    merge: anyres === undefined ? { type: "flat" } : { type: "spatial_unpad", maxTiles: anyres },
    hiddenSize: language.text.hiddenSize,
  }
  try {
    rowsOfTile(vision)
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    throw new UserError(`tower and connector do not fit together: ${cause.message}`, {
      where: folder,
      fix: cause.fix,
      cause,
    })
  }
  return vision
}
