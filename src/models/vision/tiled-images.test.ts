/** Image processors count the tokens that tower and connector make of a tile, whatever the tower is: nothing counts by itself. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type AuthorsType, authorsConfig, SIGLIP } from "../../../test/support/small-authors.js"
import { TINY_MODELS } from "../../../test/support/tiny-models.js"
import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { normaliseConfig } from "../read-config.js"
import { buildModel, initialiseWeights } from "../registry.js"
import { registerTower } from "../towers/registry.js"
import { siglip } from "../towers/siglip.js"
import { imageProcessorOf } from "./images.js"

const folder = mkdtempSync(join(tmpdir(), "tiled-images-"))
const SIDE = 28
const pixels = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }
const picture = { width: 60, height: 30 }

beforeAll(() => {
  // Its features are no quotient of pixels.
  registerTower({
    ...siglip,
    name: "meshed",
    modelTypes: ["meshed"],
    read: (json, place) => ({
      ...siglip.read({ ...SIGLIP, image_size: SIDE }, place),
      family: "meshed",
      grid: json.grid as [number, number],
      raw: json,
    }),
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

const write = (name: string, json: Json): void => writeFileSync(join(folder, name), JSON.stringify(json))
const tokensOf = (raw: Json): unknown => imageProcessorOf(normaliseConfig(raw), folder)!.pieces(picture)
const meshed = (family: string, grid: number[], changes: Json = {}): Json => ({
  ...TINY_MODELS[family].config,
  vision_config: { model_type: "meshed", grid },
  ...changes,
})

describe("a tower whose features are no quotient of its pixels", () => {
  it.each([
    [[10, 10], "linear", 100],
    [[10, 10], "pixel_shuffle", 25],
    [[4, 8], "mlp2x_gelu", 32],
    [[4, 8], "pixel_shuffle4", 2],
  ])("%j with %s is %d tokens of LLaVA", (grid, mm_projector_type, tokens) => {
    write("preprocessor_config.json", { crop_size: SIDE, size: { shortest_edge: SIDE }, ...pixels })
    write("processor_config.json", { vision_feature_select_strategy: "full" })
    const changes = { mm_projector_type, vision_feature_layer: -1, vision_feature_select_strategy: "full" }
    expect(tokensOf(meshed("llava", grid, changes))).toEqual([tokens])
    write("processor_config.json", { patch_size: 2 })
    expect(() => tokensOf(meshed("llava", grid, changes))).toThrow(/patch_size is 2, but the model's tower has/)
  })

  const pinpoints = { image_grid_pinpoints: [[SIDE, 2 * SIDE]] }
  it("becomes a map of LLaVA-OneVision where it is a square", () => {
    write("preprocessor_config.json", {
      image_processor_type: "LlavaOnevisionImageProcessor",
      size: SIDE,
      ...pinpoints,
    })
    write("processor_config.json", { num_image_tokens: 100 })
    // The whole, and two tiles side by side with a newline behind each row.
    expect(tokensOf(meshed("llava_onevision", [10, 10], pinpoints))).toEqual([100 + 10 * 21])
    expect(() => tokensOf(meshed("llava_onevision", [4, 8], pinpoints))).toThrow(/the 4 × 8 features .* form no square/)
    write("processor_config.json", { num_image_tokens: 196 })
    expect(() => tokensOf(meshed("llava_onevision", [10, 10], pinpoints))).toThrow(/num_image_tokens is 196, .* 100$/)
  })
})

describe.each<AuthorsType>(["llava_qwen", "llava_llada_bd3lm"])("%s", (type) => {
  const clip = { ...SIGLIP, model_type: "clip_vision_model" }
  const flat = { mm_patch_merge_type: "flat", vision_config: clip }
  const map = { mm_patch_merge_type: "spatial_unpad" }
  it.each<[string, Json, tokens: number]>([
    ["class token", { ...flat, mm_vision_select_feature: "cls_patch" }, 3 * 17],
    ["patches alone", flat, 3 * 16],
    ["pixel shuffle", { ...flat, mm_projector_type: "pixel_shuffle" }, 3 * 4],
    ["pixel shuffle in a map", { ...map, mm_projector_type: "pixel_shuffle" }, 4 + 2 * 5],
    ["one tile", { ...flat, image_aspect_ratio: "pad", mm_vision_select_feature: "cls_patch" }, 17],
  ])("counts the rows it has: %s", async (_, changes, tokens) => {
    const config = authorsConfig(type, changes)
    const image = await imageProcessorOf(config)!.prepare({ width: 16, height: 8, data: new Uint8Array(16 * 8 * 3) })
    expect(image.pieces).toEqual([tokens])
    const [rows] = buildModel(config, initialiseWeights(config, 3), "float32").encodeImages([image])
    expect(rows.shape).toEqual([tokens, config.text.hiddenSize])
  })

  it("refuses a map of features with a class token when it is read", () => {
    const read = () => authorsConfig(type, { ...map, vision_config: clip, mm_vision_select_feature: "cls_patch" })
    expect(read).toThrow(UserError)
    expect(read).toThrow(/the 17 features of each form no square/)
  })
})
