/** What configurations of towers say, what they cannot say, and the folders that towers lie in. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { configs } from "../../../test/support/tower-cases.js"
import { writeTensors } from "../../checkpoint/safetensors/safetensors.js"
import { featuresOf, hiddenStatesOf } from "./features.js"
import { readTower, towerTensors } from "./folder.js"
import { publishedTower } from "./published.js"
import { readQwen3Vision } from "./qwen3-config.js"
import { readTowerConfig, registerTower, towerFamilyOf } from "./registry.js"
import { siglip, withoutLastLayer } from "./siglip.js"
import type { VitConfig } from "./vit-config.js"

const place = { key: "vision_config", where: "config.json" }
const folder = mkdtempSync(join(tmpdir(), "towers-"))
afterAll(() => rmSync(folder, { recursive: true }))

it("takes what the libraries take for keys that are absent", () => {
  expect(readTowerConfig({ model_type: "clip_vision_model", image_size: 336, patch_size: 14 }, place)).toMatchObject({
    family: "clip",
    hiddenSize: 768,
    layers: 12,
    activation: "quick_gelu",
    normEps: 1e-5,
    grid: [24, 24],
    classTokens: 1,
  })
  // 384 pixels are 27 patches of 14 and 6 that fill none.
  expect(
    readTowerConfig({ image_size: 384, patch_size: 14 }, { ...place, usual: "siglip_vision_model" }),
  ).toMatchObject({
    family: "siglip",
    activation: "gelu_pytorch_tanh",
    grid: [27, 27],
    classTokens: 0,
    head: true,
  })
  expect(readTowerConfig({ model_type: "smolvlm_vision", image_size: 512, patch_size: 16 }, place)).toMatchObject({
    family: "idefics3",
    hiddenSize: 1152,
    heads: 16,
    head: false,
  })
  expect(readQwen3Vision({}, place)).toMatchObject({ depth: 27, deepstackLayers: [8, 16, 24], positions: 2304 })
})

it("must have whole numbers of pixels and features, whoever reads it", () => {
  const odd = { ...siglip, name: "odd", title: "an odd tower", modelTypes: ["odd"] }
  registerTower({ ...odd, read: (json) => ({ ...siglip.read({}, place), grid: json.grid as [number, number] }) })
  expect(readTowerConfig({ model_type: "odd", grid: [4, 8] }, place).grid).toEqual([4, 8])
  for (const grid of [[3.75, 3.75], [0, 4], [4], undefined])
    expect(() => readTowerConfig({ model_type: "odd", grid }, place)).toThrow(
      /vision_config makes a tower \(an odd tower\) of tiles of 224 pixels per side, .* features and 0 before them/,
    )
})

it("names the key that cannot be right", () => {
  const clip = (json: object) => () => readTowerConfig({ model_type: "clip_vision_model", ...json }, place)
  expect(clip({ num_attention_heads: 5 })).toThrow(/vision_config\.hidden_size 768 .*num_attention_heads 5/)
  expect(clip({ patch_size: 500 })).toThrow(/vision_config\.patch_size 500 is more than .*image_size 224/)
  expect(clip({ hidden_act: "tanh" })).toThrow(/vision_config\.hidden_act: expected "gelu" or/)
  expect(clip({ num_channels: 1 })).toThrow(/vision_config\.num_channels/)
  expect(() => readTowerConfig({ model_type: "resnet" }, place)).toThrow(
    /vision_config\.model_type "resnet" is no known/,
  )
  expect(() => readTowerConfig({}, place)).toThrow(/vision_config\.model_type is missing/)
  const qwen3 = (json: Record<string, unknown>) => () => readQwen3Vision(json, place)
  expect(qwen3({ depth: 3 })).toThrow(/deepstack_visual_indexes names layer 8, of 3 layers/)
  expect(qwen3({ deepstack_visual_indexes: [2, 2] })).toThrow(/names a layer twice/)
  expect(qwen3({ num_heads: 7 })).toThrow(/vision_config\.hidden_size 1152 .*num_heads 7/)
})

it("knows the towers that models name and do not bring along", () => {
  const siglip2 = publishedTower("google/siglip2-so400m-patch14-384")!
  expect(siglip2).toMatchObject({ family: "siglip", grid: [27, 27], layers: 27, heads: 16, hiddenSize: 1152 })
  expect(towerTensors(siglip2).get("vision_model.embeddings.position_embedding.weight")).toEqual([729, 1152])
  expect(publishedTower("/models/clip-vit-large-patch14-336/")).toMatchObject({ family: "clip", grid: [24, 24] })
  expect(publishedTower("models/tiny-siglip")).toBeUndefined()
  expect(publishedTower("toString")).toBeUndefined()
})

it("counts features, and layers from either end", () => {
  const config = readTowerConfig(configs.clip, place)
  const selection = { layers: [-2], skipFirst: true, postNorm: false }
  expect(featuresOf(config, selection)).toEqual({ count: 9, grid: [3, 3], channels: 16 })
  expect(featuresOf(config, { ...selection, layers: [1, 2], skipFirst: false })).toEqual({
    count: 10,
    grid: undefined,
    channels: 32,
  })
  expect(hiddenStatesOf(config, { layers: [-1, -4, 0, 3] })).toEqual([3, 0, 0, 3])
  const named = { key: "vision_feature_layer" }
  expect(() => hiddenStatesOf(config, { layers: [4] }, named)).toThrow(/vision_feature_layer is 4, .* 4 hidden states/)
  expect(() => hiddenStatesOf(config, { layers: [-5] }, named)).toThrow(/vision_feature_layer is -5/)
})

it("reads a tower from the folder of the model that it was trained in, whole or without its last layer", async () => {
  const published = siglip.read(configs.siglip, place)
  const shapes = [...towerTensors(published)]
  const entry = (name: string, shape: readonly number[]) => ({
    name,
    dtype: "float32" as const,
    shape: [...shape],
    data: () => new Uint8Array(4 * shape.reduce((n, size) => n * size, 1)),
  })
  const others = ["text_model.final_layer_norm.bias", "logit_scale", "logit_bias"].map((name) => entry(name, [1]))
  await writeTensors(folder, [...shapes.map(([name, shape]) => entry(name, shape)), ...others], {})
  writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "siglip", vision_config: configs.siglip }))
  const whole = readTower(folder)
  expect([...whole.tensors.keys()]).toEqual(shapes.map(([name]) => name))
  expect(whole.config).toEqual(published)
  const less = readTower(folder, (config) => withoutLastLayer(config as VitConfig))
  const names = [...less.tensors.keys()]
  expect(names).toEqual([...towerTensors(less.config).keys()])
  expect(names).toContain("vision_model.encoder.layers.1.mlp.fc2.bias")
  expect(names.filter((name) => /layers\.2|head/.test(name))).toEqual([])
  expect(towerFamilyOf(less.config).write(less.config)).toMatchObject({ num_hidden_layers: 2, vision_use_head: false })

  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...configs.siglip, num_hidden_layers: 4 }))
  expect(() => readTower(folder)).toThrow(/missing: vision_model\.encoder\.layers\.3/)
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...configs.siglip, intermediate_size: 21 }))
  expect(() => readTower(folder)).toThrow(/mlp\.fc1\.weight is \[20, 16\], not \[21, 16\]/)
})

it("knows a family once", () => {
  expect(() => registerTower(siglip)).toThrow(/a family of towers siglip already/)
  expect(() => registerTower({ ...siglip, name: "other" })).toThrow(/for model_type siglip_vision_model already/)
})
