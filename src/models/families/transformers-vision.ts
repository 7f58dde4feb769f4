/** How transformers' config.json says tower, layer, connector and merging: LLaVA's, LLaVA-OneVision's and Idefics3's keys. */

import { z } from "zod"
import type { Json } from "../../checkpoint/json.js"
import { check } from "../../checkpoint/schema-check.js"
import { upTo } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { maxTilesOf } from "../../image/processors/anyres.js"
import { ACTIVATIONS, type Activation } from "../../nn/mlp.js"
import { shown } from "../../readable.js"
import type { ConnectorConfig } from "../connectors/connector.js"
import { isMlp, type MlpConfig } from "../connectors/mlp.js"
import { pixelShuffleOf } from "../connectors/pixel-shuffle.js"
import { connectorNamed } from "../connectors/registry.js"
import { hiddenStatesOf } from "../towers/features.js"
import { readTowerConfig } from "../towers/registry.js"
import { rowsOfTile, type TiledVisionConfig, type TileMerge } from "../vision/tiled-vision.js"

const layer = z.int().min(-1024).max(1024)
const llavaSchema = z.looseObject({
  vision_config: z.looseObject({}),
  vision_feature_layer: z.union([layer, z.array(layer).min(1).max(64)]).nullish(),
  vision_feature_select_strategy: z.enum(["default", "full"]).nullish(),
  projector_hidden_act: z.enum(Object.keys(ACTIVATIONS) as [Activation, ...Activation[]]).nullish(),
  multimodal_projector_bias: z.boolean().nullish(),
  // Not transformers': another connector than its MLP of two layers, in LLaVA's own word.
  mm_projector_type: z.string().nullish(),
})

/** What transformers takes for keys of a family that are absent. */
interface LlavaFacts {
  tower: string
  layer: number
  strategy: "default" | "full"
}

/**
 * LLaVA-1.5: one tile for each picture.
 * @param hiddenSize of the language model
 * @throws UserError naming the key that cannot be right
 */
export const readLlavaVision = (raw: Json, hiddenSize: number, where?: string): TiledVisionConfig =>
  readLlava(raw, hiddenSize, { tower: "clip_vision_model", layer: -2, strategy: "default" }, { type: "flat" }, where)

/** LLaVA-OneVision: tiles of any resolution. */
export function readLlavaOnevisionVision(raw: Json, hiddenSize: number, where?: string): TiledVisionConfig {
  const facts: LlavaFacts = { tower: "siglip_vision_model", layer: -1, strategy: "full" }
  const aspect = raw.vision_aspect_ratio ?? "anyres_max_9"
  const maxTiles = maxTilesOf(aspect)
  if (maxTiles === undefined)
    throw new UserError(`vision_aspect_ratio is ${shown(aspect)}, not anyres_max_N`, { where })
  const merge: TileMerge = { type: "spatial_unpad", maxTiles }
  return readLlava(raw, hiddenSize, facts, merge, where)
}

function readLlava(
  raw: Json,
  hiddenSize: number,
  facts: LlavaFacts,
  merge: TileMerge,
  where?: string,
): TiledVisionConfig {
  const json = check(llavaSchema, raw, "", where)
  const tower = readTowerConfig(json.vision_config, { key: "vision_config", where, usual: facts.tower })
  const layers = [json.vision_feature_layer ?? facts.layer].flat()
  hiddenStatesOf(tower, { layers }, { key: "vision_feature_layer", where })
  const skipFirst = (json.vision_feature_select_strategy ?? facts.strategy) === "default"
  const config: TiledVisionConfig = {
    tower,
    selection: { layers, skipFirst, postNorm: false },
    connector: connectorOf(json, where),
    merge,
    hiddenSize,
  }
  rowsOfTile(config, { select: "vision_feature_select_strategy", where })
  return config
}

function connectorOf(json: z.infer<typeof llavaSchema>, where?: string): ConnectorConfig {
  const named = connectorNamed(json.mm_projector_type ?? "mlp2x_gelu", "mm_projector_type", where)
  if (!isMlp(named)) return named
  const mlp: MlpConfig = {
    ...named,
    activation: json.projector_hidden_act ?? "gelu",
    bias: json.multimodal_projector_bias ?? true,
  }
  return mlp
}

const idefics3Schema = z.looseObject({
  vision_config: z.looseObject({}).default({}),
  scale_factor: upTo(64).default(2),
})

/**
 * Idefics3 and SmolVLM: tiles one behind the other, each of fewer features after pixel shuffle.
 * @param hiddenSize of the language model
 * @throws UserError naming the key that cannot be right
 */
export function readIdefics3Vision(raw: Json, hiddenSize: number, where?: string): TiledVisionConfig {
  const json = check(idefics3Schema, raw, "", where)
  const tower = readTowerConfig(json.vision_config, { key: "vision_config", where, usual: "idefics3_vision" })
  const [rows, columns] = tower.grid
  const factor = json.scale_factor
  if (rows % factor !== 0 || columns % factor !== 0)
    throw new UserError(`scale_factor ${factor} does not divide the tower's ${rows} × ${columns} features`, { where })
  return {
    tower,
    selection: { layers: [-1], skipFirst: false, postNorm: true },
    connector: pixelShuffleOf(factor),
    merge: { type: "flat" },
    hiddenSize,
  }
}
