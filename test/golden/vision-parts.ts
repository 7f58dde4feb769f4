/** Tower and connector of a folder of the authors' code alone, whatever language model stands behind them. */

import { join } from "node:path"
import { arrangeTensors } from "../../src/checkpoint/checkpoint.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { type RenameRule, ruleOfStored } from "../../src/checkpoint/layout.js"
import { openTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import { readAuthorsVision } from "../../src/models/families/authors-vision.js"
import { MappedFiles } from "../../src/models/mapped-files.js"
import { readTower } from "../../src/models/towers/folder.js"
import { TiledVision, type TiledVisionConfig } from "../../src/models/vision/tiled-vision.js"
import { authorsVisionRules } from "../../src/models/vision/vision-layouts.js"
import { MapWeights, RecordingWeights, type WeightSource } from "../../src/models/weight-source.js"
import type { Tensor } from "../../src/torch/index.js"

/** Weights of a folder by the rules of its layout, in float32; those that no rule fits are the language model's. */
function weightsIn(
  folder: string,
  rules: readonly RenameRule[],
  build: (weights: WeightSource) => unknown,
): MapWeights {
  const recording = new RecordingWeights()
  build(recording)
  const layout = { name: "vision", rules }
  const stored = [...openTensors(folder)].filter(([name]) => ruleOfStored(layout, name, ""))
  const { tensors } = arrangeTensors(stored, { layouts: [layout], expected: recording.shapes, tie: false }, folder)
  const mapped = new MappedFiles()
  return new MapWeights(
    new Map([...tensors].map(([name, view]): [string, Tensor] => [name, mapped.tensor(view).to("float32")])),
  )
}

export function tiledVision(folder: string, config: TiledVisionConfig, rules: readonly RenameRule[]): TiledVision {
  const build = (weights: WeightSource): TiledVision => new TiledVision(config, weights, "float32")
  return build(weightsIn(folder, rules, build))
}

/** @param root that mm_vision_tower is relative to */
export function openAuthorsVision(folder: string, root: string) {
  const where = join(folder, "config.json")
  const raw = readJsonObject(where)
  const tower = readTower(join(root, raw.mm_vision_tower as string)).config
  const config = readAuthorsVision(raw, tower, raw.hidden_size as number, where)
  return { config, vision: tiledVision(folder, config, authorsVisionRules) }
}
