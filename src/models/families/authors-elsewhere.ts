/** What the authors' folders may leave out: a tower that was not trained stays in its own folder, the connector of stage 1 in a file beside. */

import fs from "node:fs"
import path from "node:path"
import type { ModelConfig } from "../../checkpoint/config.js"
import type { TensorView } from "../../checkpoint/tensor-view.js"
import { readWeightFile } from "../../checkpoint/weight-files.js"
import { UserError } from "../../errors.js"
import { label } from "../../readable.js"
import { readTower } from "../towers/folder.js"
import { namedTowerFolder } from "../towers/named.js"
import type { TiledVisionConfig } from "../vision/tiled-vision.js"
import { VISION_WEIGHTS } from "../vision/vision-weights.js"
import { usedTower } from "./authors-vision.js"

/** As stage 1 is saved, and the same tensors as safetensors, which win. */
const CONNECTOR_FILES = ["mm_projector.safetensors", "mm_projector.bin"]

type Named = readonly [name: string, view: TensorView]

/** @throws UserError where a part is neither in the folder's weights nor where the model says */
export function elsewhereOf(
  { raw, vision }: ModelConfig & { vision: TiledVisionConfig },
  folder: string,
  stored: ReadonlySet<string>,
): Named[] {
  const has = (part: string): boolean => [...stored].some((name) => name.includes(part))
  return [
    ...(has("vision_tower.") ? [] : towerTensors(raw.mm_vision_tower, folder)),
    ...(has("mm_projector.") ? [] : connectorTensors(folder, vision.merge.type !== "flat" && !has("image_newline"))),
  ]
}

function towerTensors(named: unknown, folder: string): Named[] {
  const name = typeof named === "string" ? named : ""
  const found = namedTowerFolder(name, folder)
  if (found === undefined)
    throw new UserError(`its weights have no vision tower, and that of mm_vision_tower (${label(name)}) is not here`, {
      where: folder,
      fix: "name the folder of the tower, or put it beside the model's",
    })
  const { tensors } = readTower(found, usedTower)
  return [...tensors].map(([name, view]) => [`${VISION_WEIGHTS.tower}.${name}`, view])
}

/** Names are cut behind "mm_projector.", whatever stands before it. */
function connectorTensors(folder: string, wantsNewline: boolean): Named[] {
  const file = CONNECTOR_FILES.map((name) => path.join(folder, name)).find((name) => fs.existsSync(name))
  if (file === undefined)
    throw new UserError(`its weights have no connector, and there is no ${CONNECTOR_FILES.join(" or ")} beside them`, {
      where: folder,
      fix: "put the mm_projector.bin of the first stage into the folder",
    })
  const mark = "mm_projector."
  return [...readWeightFile(file)].flatMap(([name, view]): Named[] => {
    const at = name.indexOf(mark)
    if (at >= 0) return [[`${VISION_WEIGHTS.connector}.${name.slice(at + mark.length)}`, view]]
    return wantsNewline && /(^|\.)image_newline$/.test(name) ? [[VISION_WEIGHTS.newline, view]] : []
  })
}
