/** How the authors' config.json says it: the mm_… keys of LLaVA's code, which DVL-Qwen, LLaVA-Qwen and LLaDA-V share. */

import { z } from "zod"
import type { Json } from "../../checkpoint/json.js"
import { check } from "../../checkpoint/schema-check.js"
import { size } from "../../checkpoint/schema-pieces.js"
import { UserError } from "../../errors.js"
import { maxTilesOf } from "../../image/processors/anyres.js"
import { shown } from "../../readable.js"
import { connectorNamed } from "../connectors/registry.js"
import { featuresOf, hiddenStatesOf } from "../towers/features.js"
import { withoutLastLayer } from "../towers/siglip.js"
import type { FeatureSelection, TowerConfig } from "../towers/tower.js"
import type { VitConfig } from "../towers/vit-config.js"
import { rowsOfTile, type TiledVisionConfig, type TileMerge } from "../vision/tiled-vision.js"

const schema = z.looseObject({
  mm_projector_type: z.string().default("mlp2x_gelu"),
  mm_hidden_size: size.nullish(),
  mm_vision_select_layer: z.int().min(-1024).max(1024).nullish(),
  mm_vision_select_feature: z.enum(["patch", "cls_patch"]).nullish(),
  mm_patch_merge_type: z.enum(["flat", "spatial_unpad"]).nullish(),
  image_aspect_ratio: z.string().nullish(),
  // What they also offer, and no script of theirs uses.
  mm_resampler_type: z.null().optional(),
  mm_use_im_start_end: z.literal(false).nullish(),
  mm_use_im_patch_token: z.literal(false).nullish(),
})

/**
 * @param tower as its own folder publishes it (`mm_vision_tower`)
 * @param hiddenSize of the language model
 * @throws UserError naming the key that cannot be right, or does not fit the tower
 */
export function readAuthorsVision(
  raw: Json,
  tower: TowerConfig,
  hiddenSize: number,
  where?: string,
): TiledVisionConfig {
  const json = check(schema, raw, "", where)
  const chosen = towerAndLayer(tower, json)
  const { channels } = featuresOf(chosen.tower, chosen.selection)
  if (json.mm_hidden_size != null && json.mm_hidden_size !== channels)
    throw new UserError(
      `mm_hidden_size is ${json.mm_hidden_size}, but the tower's features have ${channels} channels`,
      {
        where,
        fix: "use the tower that the model was trained with",
      },
    )
  const vision: TiledVisionConfig = {
    ...chosen,
    connector: connectorNamed(json.mm_projector_type, "mm_projector_type", where),
    merge: mergeOf(json.mm_patch_merge_type ?? "flat", json.image_aspect_ratio ?? "square", where),
    hiddenSize,
  }
  hiddenStatesOf(vision.tower, vision.selection, { key: "mm_vision_select_layer", where })
  rowsOfTile(vision, { select: "mm_vision_select_feature", where })
  return vision
}

/** The tower as their code uses it: SigLIP's last layer is taken away, whatever mm_vision_select_layer says. */
export const usedTower = (tower: TowerConfig): TowerConfig =>
  tower.family === "siglip" ? withoutLastLayer(tower as VitConfig) : tower

/** Of SigLIP what the last layer that is left gives; other towers follow the keys. */
function towerAndLayer(
  tower: TowerConfig,
  { mm_vision_select_layer: layer, mm_vision_select_feature: feature }: z.infer<typeof schema>,
): { tower: TowerConfig; selection: FeatureSelection } {
  if (tower.family === "siglip") {
    const selection = { layers: [-1], skipFirst: false, postNorm: false }
    return { tower: usedTower(tower), selection }
  }
  const skipFirst = tower.classTokens > 0 && (feature ?? "patch") === "patch"
  return { tower, selection: { layers: [layer ?? -2], skipFirst, postNorm: false } }
}

function mergeOf(merge: TileMerge["type"], aspect: string, where?: string): TileMerge {
  if (merge === "flat") return { type: "flat" }
  const maxTiles = maxTilesOf(aspect)
  if (aspect.startsWith("anyres") && aspect !== "anyres" && maxTiles === undefined)
    throw new UserError(`image_aspect_ratio is ${shown(aspect)}, neither anyres nor anyres_max_N`, { where })
  return { type: merge, ...(maxTiles !== undefined && { maxTiles }) }
}

/** The keys again, of what has changed or was chosen here. */
export function writeAuthorsVision({ tower, selection, connector, merge }: TiledVisionConfig): Json {
  return {
    mm_projector_type: connector.name,
    mm_hidden_size: featuresOf(tower, selection).channels,
    mm_patch_merge_type: merge.type,
    use_mm_proj: true,
  }
}
