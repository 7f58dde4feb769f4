/** Models with all they consist of: a tower that a model takes from elsewhere is downloaded with it. */

import fs from "node:fs"
import path from "node:path"
import { readJsonObject } from "../checkpoint/json.js"
import { openWeights } from "../checkpoint/weight-files.js"
import { parseHubId } from "../hub/hub-id.js"
import { type ResolvedModel, type ResolveOptions, resolveModel } from "../hub/resolve.js"
import { architectureOfType } from "./registry.js"
import { namedTowerFolder } from "./towers/named.js"
import { publishedTower } from "./towers/published.js"
import { VISION_WEIGHTS } from "./vision/vision-weights.js"

/**
 * `resolveModel`; and where the model needs a tower that is named by a hub id and is not here, that is downloaded too.
 * @throws UserError as `resolveModel`
 */
export async function resolveWhole(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  const found = await resolveModel(name, options)
  const tower = missingTower(found.folder)
  if (tower !== undefined) await resolveModel(tower, options)
  return found
}

/** The hub id of the tower that a folder needs and that is not here. */
function missingTower(folder: string): string | undefined {
  const file = path.join(folder, "config.json")
  if (!fs.existsSync(file)) return undefined
  const json = readJsonObject(file)
  const name = architectureOfType(json.model_type)?.tower?.(json)
  if (name === undefined || !parseHubId(name) || /^[./~]/.test(name)) return undefined
  if (namedTowerFolder(name, folder) !== undefined) return undefined
  return publishedTower(name) && hasTower(folder) ? undefined : name
}

/** Whether the tower's weights are in the folder; one without weights says so when it is read. */
function hasTower(folder: string): boolean {
  return [...openWeights(folder).keys()].some((name) => name.startsWith(`${VISION_WEIGHTS.tower}.`))
}
