/** The folder of a vision tower alone, or of the contrastive model that it was trained in: its configuration and its weights. */

import path from "node:path"
import { locateTensors } from "../../checkpoint/checkpoint.js"
import { isObject, type Json, readJsonObject } from "../../checkpoint/json.js"
import type { TensorView } from "../../checkpoint/tensor-view.js"
import { RecordingWeights } from "../weight-source.js"
import { buildTower, readTowerConfig, towerFamilies, towerFamilyOf } from "./registry.js"
import type { TowerConfig } from "./tower.js"

/** A tower's folder, looked at: no weights are loaded. */
export interface TowerFolder<C extends TowerConfig = TowerConfig> {
  folder: string
  config: C
  /** Name below the tower's prefix → where its bytes are. Exactly those of `towerTensors(config)`, in its order. */
  tensors: Map<string, TensorView>
}

/**
 * Reads config.json and where the weights are.
 * @param change the tower that is wanted of the published one, such as `withoutLastLayer`: the weights it leaves out are not read
 * @throws UserError for an unknown tower, a key that cannot be right, and missing, unexpected or mis-shaped tensors
 */
export function readTower<C extends TowerConfig>(
  folder: string,
  change: (config: TowerConfig) => C = (config) => config as C,
): TowerFolder<C> {
  const published = towerConfigIn(folder)
  const config = change(published)
  const { rules, ignored } = towerFamilyOf(published).layout
  const layout = { name: published.family, rules, ignored }
  const { tensors } = locateTensors(folder, { layouts: [layout], expected: towerTensors(published), tie: false })
  const wanted = [...towerTensors(config).keys()].map((name) => [name, tensors.get(name)!] as const)
  return { folder, config, tensors: new Map(wanted) }
}

/**
 * The configuration of a tower's folder alone.
 * @throws UserError for an unknown tower, or a key that cannot be right
 */
export function towerConfigIn(folder: string): TowerConfig {
  const where = path.join(folder, "config.json")
  const json = readJsonObject(where)
  const whole = towerFamilies().find(({ trainedIn }) => trainedIn?.some((type) => type === json.model_type))
  if (!whole) return readTowerConfig(json, { key: "", where })
  const vision: Json = isObject(json.vision_config) ? json.vision_config : {}
  return readTowerConfig(vision, { key: "vision_config", where, usual: whole.modelTypes[0] })
}

/** Name below the tower's prefix → shape of every tensor, in the order in which it takes them. */
export function towerTensors(config: TowerConfig): Map<string, readonly number[]> {
  const recording = new RecordingWeights()
  buildTower(config, { layers: [-1], skipFirst: false, postNorm: false }, recording, "float32")
  return recording.shapes
}
