/** Tower and connector of a model folder alone, whatever language model stands behind them. */

import { join } from "node:path"
import { arrangeTensors } from "../../src/checkpoint/checkpoint.js"
import { type Json, readJsonObject } from "../../src/checkpoint/json.js"
import { type RenameRule, ruleOfStored } from "../../src/checkpoint/layout.js"
import { openTensors } from "../../src/checkpoint/safetensors.js"
import { readAuthorsVision } from "../../src/models/connectors/authors-config.js"
import {
  readIdefics3Vision,
  readLlavaOnevisionVision,
  readLlavaVision,
} from "../../src/models/connectors/transformers-config.js"
import { MappedFiles } from "../../src/models/mapped-files.js"
import { Qwen3Vision } from "../../src/models/qwen3-vision.js"
import { TiledVision, type TiledVisionConfig } from "../../src/models/tiled-vision.js"
import { readTower } from "../../src/models/towers/folder.js"
import { readQwen3Vision } from "../../src/models/towers/qwen3-config.js"
import {
  authorsVisionRules,
  idefics3VisionRules,
  llavaVisionRules,
  qwen3VisionRules,
} from "../../src/models/vision-layouts.js"
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

const READERS: Record<
  string,
  [(raw: Json, hidden: number, where: string) => TiledVisionConfig, readonly RenameRule[]]
> = {
  llava: [readLlavaVision, llavaVisionRules],
  llava_onevision: [readLlavaOnevisionVision, llavaVisionRules],
  smolvlm: [readIdefics3Vision, idefics3VisionRules],
  idefics3: [readIdefics3Vision, idefics3VisionRules],
}

/** Those that transformers saved. */
export function openTiledVision(folder: string, change = (config: TiledVisionConfig): TiledVisionConfig => config) {
  const where = join(folder, "config.json")
  const raw = readJsonObject(where)
  const [read, rules] = READERS[raw.model_type as string]
  const config = change(read(raw, (raw.text_config as { hidden_size: number }).hidden_size, where))
  return { config, vision: tiledVision(folder, config, rules) }
}

/** Those that the authors' code saved. @param root that mm_vision_tower is relative to */
export function openAuthorsVision(folder: string, root: string) {
  const where = join(folder, "config.json")
  const raw = readJsonObject(where)
  const tower = readTower(join(root, raw.mm_vision_tower as string)).config
  const config = readAuthorsVision(raw, tower, raw.hidden_size as number, where)
  return { config, vision: tiledVision(folder, config, authorsVisionRules) }
}

export function openQwen3Vision(folder: string, ropeRounding?: "bfloat16"): Qwen3Vision {
  const where = join(folder, "config.json")
  const read = readQwen3Vision(readJsonObject(where).vision_config as Json, { at: "vision_config", where })
  const config = { ...read, ropeRounding }
  const build = (weights: WeightSource): Qwen3Vision => new Qwen3Vision(config, weights, "float32")
  return build(weightsIn(folder, qwen3VisionRules, build))
}
