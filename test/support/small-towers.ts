/** Random vision towers of a few thousand weights, each in a folder of its own as it is published. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Json } from "../../src/checkpoint/json.js"
import { writeTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import { makeFolder } from "../../src/make-folder.js"
import { tensorEntries } from "../../src/models/save.js"
import { towerTensors } from "../../src/models/towers/folder.js"
import { readTowerConfig, registerTower, towerOfType } from "../../src/models/towers/registry.js"
import { Generator, randn, type Tensor } from "../../src/torch/index.js"
import { conv } from "../guide/conv-tower.js"

const vit = {
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  image_size: 24,
  patch_size: 6,
}
const pixels = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }

const TOWERS: Record<SmallTower, { config: Json; pictures: Json; stored: (name: string) => string }> = {
  siglip: {
    config: { model_type: "siglip_vision_model", ...vit },
    pictures: { image_processor_type: "SiglipImageProcessor", size: { height: 24, width: 24 }, ...pixels },
    stored: (name) => name,
  },
  clip: {
    config: { model_type: "clip_vision_model", ...vit },
    pictures: {
      image_processor_type: "CLIPImageProcessor",
      size: { shortest_edge: 24 },
      crop_size: { height: 24, width: 24 },
    },
    stored: (name) => name,
  },
  conv: {
    config: { model_type: "small_conv", image_size: 32, widths: [4, 6, 8] },
    pictures: { size: { shortest_edge: 32 }, crop_size: { height: 32, width: 32 }, ...pixels },
    stored: (name) => name.replace("layers", "features"),
  },
}
export type SmallTower = "siglip" | "clip" | "conv"

/** @returns the folder */
export async function writeSmallTower(folder: string, kind: SmallTower): Promise<string> {
  if (!towerOfType("small_conv")) registerTower(conv)
  const { config, pictures, stored } = TOWERS[kind]
  const generator = new Generator(7)
  const weights = [...towerTensors(readTowerConfig(config, { key: "" }))].map(([name, shape]): [string, Tensor] => [
    stored(name),
    randn([...shape], { generator }).mul(0.3),
  ])
  makeFolder(folder)
  await writeTensors(folder, tensorEntries(new Map(weights)), {})
  writeFileSync(join(folder, "config.json"), JSON.stringify(config))
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(pictures))
  return folder
}
