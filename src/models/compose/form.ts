/** What a form of a new model has to say. */

import fs from "node:fs"
import path from "node:path"
import type { ModelConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import type { Checkpoint } from "../checkpoint.js"
import type { TowerFolder } from "../towers/folder.js"
import type { TiledVisionConfig } from "../vision/tiled-vision.js"

/** Contents of files by their names: JSON, or text. */
export type FilesBeside = ReadonlyMap<string, Json | string>

export interface Ingredients {
  text: Checkpoint
  tower: TowerFolder
  vision: TiledVisionConfig
  options: { imageToken?: string; names?: { tower: string } }
}

export interface FormOfModel {
  /** config.json */
  raw: Json
  /** What stands beside it and the weights, where it differs from the language model's own. */
  files: FilesBeside
}

/** generation_config.json, where the language model has none. */
export function generationFile(folder: string, { tokens }: ModelConfig): [name: string, content: Json][] {
  const name = "generation_config.json"
  if (fs.existsSync(path.join(folder, name))) return []
  const { bos, eos, pad } = tokens
  const content = {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(eos.length > 0 && { eos_token_id: eos.length === 1 ? eos[0] : eos }),
    ...(pad !== undefined && { pad_token_id: pad }),
  }
  return [[name, content]]
}
