/** The tower that a model names (`mm_vision_tower`) and does not describe itself: a folder, a copy from the hub, or one of the published. */

import fs from "node:fs"
import path from "node:path"
import { UserError } from "../../errors.js"
import { localCopy } from "../../hub/local-copy.js"
import { label } from "../../readable.js"
import { towerConfigIn } from "./folder.js"
import { publishedTower } from "./published.js"
import type { TowerConfig } from "./tower.js"

/**
 * The folder that a name means, from the working directory, from the model's folder, or beside the model's folder by its last
 * part, as when both were moved together; else what was downloaded from the hub. Undefined where it is nowhere here.
 * @param folder of the model that names it
 */
export function namedTowerFolder(name: string, folder: string | undefined): string | undefined {
  if (name === "" || name.includes("\0")) return undefined
  const beside =
    folder === undefined ? [] : [path.resolve(folder, name), path.resolve(folder, "..", path.basename(name))]
  const isTower = (found: string): boolean => found !== folder && fs.existsSync(path.join(found, "config.json"))
  return [path.resolve(name), ...beside].find(isTower) ?? localCopy(name)
}

/**
 * The configuration of the tower.
 * @throws UserError where the tower is neither here nor one that is known by its name
 */
export function namedTower(name: string, folder: string | undefined, where?: string): TowerConfig {
  const found = namedTowerFolder(name, folder)
  if (found !== undefined) return towerConfigIn(found)
  const published = publishedTower(name)
  if (published) return published
  throw new UserError(
    `mm_vision_tower is ${label(name)}: there is no such tower here, and none is known by that name`,
    {
      where,
      fix: "name the folder of the vision tower that the model was trained with, or put it beside the model's",
    },
  )
}
