/** Towers that models name and do not bring along: their configurations, as they are published. */

import type { Json } from "../../checkpoint/json.js"
import { readTowerConfig } from "./registry.js"
import type { TowerConfig } from "./tower.js"

const SO400M_384: Json = {
  model_type: "siglip_vision_model",
  hidden_size: 1152,
  intermediate_size: 4304,
  num_hidden_layers: 27,
  num_attention_heads: 16,
  image_size: 384,
  patch_size: 14,
}
const CLIP_L_336: Json = {
  model_type: "clip_vision_model",
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  image_size: 336,
  patch_size: 14,
}

/** By the last part of their hub ids. */
const PUBLISHED: Record<string, Json> = {
  "siglip2-so400m-patch14-384": SO400M_384,
  "siglip-so400m-patch14-384": SO400M_384,
  "clip-vit-large-patch14-336": CLIP_L_336,
}

/** The tower that a hub id or path (`mm_vision_tower`) means by its last part, if it is one of those above. */
export function publishedTower(name: string): TowerConfig | undefined {
  const last = name.split(/[\\/]/).findLast((part) => part !== "") ?? ""
  const json = Object.hasOwn(PUBLISHED, last) ? PUBLISHED[last] : undefined
  return json && readTowerConfig(json, { key: "vision_config" })
}
