/** How config.json says tower, connector and merging, in transformers' and in the authors' keys; and the names on disk. */

import { describe, expect, it } from "vitest"
import { configs } from "../../../test/support/tower-cases.js"
import { fillName, type RenameRule, ruleOfCanonical, ruleOfStored } from "../../checkpoint/layout.js"
import { connectorNamed } from "../connectors/registry.js"
import { readQwen3Vision } from "../towers/qwen3-config.js"
import { readTowerConfig } from "../towers/registry.js"
import { Qwen3Vision } from "../vision/qwen3-vision.js"
import { rowsOfTile, TiledVision, type TiledVisionConfig } from "../vision/tiled-vision.js"
import {
  authorsVisionRules,
  idefics3VisionRules,
  llavaVisionRules,
  qwen3VisionRules,
} from "../vision/vision-layouts.js"
import { RecordingWeights, type WeightSource } from "../weight-source.js"
import { readAuthorsVision, writeAuthorsVision } from "./authors-vision.js"
import { readIdefics3Vision, readLlavaOnevisionVision, readLlavaVision } from "./transformers-vision.js"

const { clip, siglip, smolvlm } = configs
const where = "config.json"

describe("transformers' keys", () => {
  it("of LLaVA-1.5", () => {
    const config = readLlavaVision({ vision_config: clip }, 12, where)
    expect(config).toMatchObject({
      tower: { family: "clip" },
      selection: { layers: [-2], skipFirst: true, postNorm: false },
      connector: { name: "mlp2x_gelu", depth: 2, activation: "gelu", bias: true },
      merge: { type: "flat" },
    })
    expect(rowsOfTile(config)).toEqual({ count: 9, grid: [3, 3], channels: 12 })
    const joined = { vision_config: clip, vision_feature_layer: [-2, 0], vision_feature_select_strategy: "full" }
    expect(rowsOfTile(readLlavaVision(joined, 12)).count).toBe(10)
    expect(readLlavaVision(joined, 12).selection.layers).toEqual([-2, 0])
    // The usual tower of the family, where its type is not said.
    const { model_type: _, ...untyped } = clip
    expect(readLlavaVision({ vision_config: untyped }, 12).tower.family).toBe("clip")
  })

  it("of LLaVA-OneVision", () => {
    expect(readLlavaOnevisionVision({ vision_config: siglip }, 12)).toMatchObject({
      selection: { layers: [-1], skipFirst: false, postNorm: false },
      merge: { type: "spatial_unpad", maxTiles: 9 },
    })
    const json = { vision_config: siglip, vision_aspect_ratio: "anyres_max_4" }
    expect(readLlavaOnevisionVision(json, 12).merge.maxTiles).toBe(4)
  })

  it("of Idefics3 and SmolVLM", () => {
    const config = readIdefics3Vision(smolvlm, 12)
    expect(config.selection).toEqual({ layers: [-1], skipFirst: false, postNorm: true })
    expect(rowsOfTile(config)).toEqual({ count: 4, grid: [2, 2], channels: 12 })
  })

  it("that cannot be right are named", () => {
    const llava = (json: object) => () => readLlavaVision({ vision_config: clip, ...json }, 12, where)
    expect(llava({ vision_feature_layer: -5 })).toThrow(
      /vision_feature_layer is -5, but the tower gives 4 hidden states/,
    )
    expect(llava({ vision_feature_layer: "last" })).toThrow(/vision_feature_layer: expected/)
    expect(llava({ vision_feature_select_strategy: "patch" })).toThrow(
      /vision_feature_select_strategy: expected "default" or "full"/,
    )
    expect(llava({ projector_hidden_act: "swish2" })).toThrow(/projector_hidden_act: expected/)
    expect(llava({ vision_config: { ...clip, hidden_size: 15 } })).toThrow(/vision_config\.hidden_size 15/)
    expect(llava({ vision_config: undefined })).toThrow(/vision_config: is missing/)
    const onevision = (json: object) => () => readLlavaOnevisionVision({ vision_config: siglip, ...json }, 12, where)
    expect(onevision({ vision_aspect_ratio: "pad" })).toThrow(/vision_aspect_ratio is "pad", not anyres_max_N/)
    // A feature of the tower is left out, and its class token is kept.
    expect(onevision({ vision_feature_select_strategy: "default" })).toThrow(/the 8 features of each form no square/)
    expect(onevision({ vision_config: clip })).toThrow(/the 10 features of each form no square/)
    expect(() => readIdefics3Vision({ ...smolvlm, scale_factor: 3 }, 12, where)).toThrow(
      /scale_factor 3 does not divide the tower's 4 × 4 features/,
    )
  })
})

describe("the authors' keys", () => {
  const tower = readTowerConfig(siglip, { key: "vision_config" })
  const clipTower = readTowerConfig(clip, { key: "vision_config" })
  const json = {
    mm_projector_type: "mlp2x_gelu",
    mm_hidden_size: 16,
    mm_vision_select_layer: -2,
    mm_patch_merge_type: "spatial_unpad",
    image_aspect_ratio: "anyres_max_4",
  }
  const read = (change: object = {}): TiledVisionConfig => readAuthorsVision({ ...json, ...change }, tower, 12, where)

  it("of DVL-Qwen: SigLIP without its last layer, whatever layer is selected", () => {
    for (const layer of [-2, -1, undefined]) {
      const config = read({ mm_vision_select_layer: layer })
      expect(config.tower).toMatchObject({ layers: 2, hiddenStates: 3, head: false })
      expect(config).toMatchObject({
        selection: { layers: [-1], skipFirst: false, postNorm: false },
        connector: { name: "mlp2x_gelu", depth: 2 },
        merge: { type: "spatial_unpad", maxTiles: 4 },
      })
    }
    expect(read({ mm_patch_merge_type: null, image_aspect_ratio: null }).merge).toEqual({ type: "flat" })
    expect(read({ image_aspect_ratio: "anyres" }).merge).toEqual({ type: "spatial_unpad" })
    const { image_aspect_ratio: _, mm_vision_select_layer: __, ...written } = json
    expect(writeAuthorsVision(read())).toEqual({ ...written, use_mm_proj: true })
  })

  it("of CLIP, as they say", () => {
    const select = (change: object) => readAuthorsVision({ ...json, ...change }, clipTower, 12).selection
    expect(select({})).toEqual({ layers: [-2], skipFirst: true, postNorm: false })
    const whole = { mm_vision_select_feature: "cls_patch", mm_patch_merge_type: "flat" }
    expect(select({ ...whole, mm_vision_select_layer: -1 })).toMatchObject({
      layers: [-1],
      skipFirst: false,
    })
  })

  it("of CLIP with its class token: as many rows as there are, which form no map", () => {
    const flat = { ...json, mm_vision_select_feature: "cls_patch", mm_patch_merge_type: "flat" }
    expect(rowsOfTile(readAuthorsVision(flat, clipTower, 12)).count).toBe(10)
    const map = () => readAuthorsVision({ ...flat, mm_patch_merge_type: "spatial_unpad" }, clipTower, 12, where)
    expect(map).toThrow(/tiles cannot be merged into one map: the 10 features of each form no square/)
  })

  it("that cannot be right are named", () => {
    expect(() => read({ mm_hidden_size: 1152 })).toThrow(/mm_hidden_size is 1152, but the tower's features have 16/)
    expect(() => read({ mm_projector_type: "pixel_shuffle2" })).toThrow(/2 × 2 does not divide the tower's 3 × 3/)
    expect(() => readAuthorsVision({ ...json, mm_vision_select_layer: -9 }, clipTower, 12)).toThrow(
      /mm_vision_select_layer is -9, but the tower gives 4 hidden states/,
    )
    expect(() => read({ mm_projector_type: "pooler" })).toThrow(/mm_projector_type is "pooler"/)
    expect(() => read({ mm_patch_merge_type: "spatial" })).toThrow(/mm_patch_merge_type: expected/)
    expect(() => read({ image_aspect_ratio: "anyres_max_0" })).toThrow(/image_aspect_ratio is "anyres_max_0"/)
    expect(() => read({ mm_resampler_type: "perceiver" })).toThrow(/mm_resampler_type/)
  })
})

describe("names on disk", () => {
  const qwen3 = readQwen3Vision(configs.qwen3_vl, { key: "vision_config" })
  const tiled = (config: TiledVisionConfig) => (weights: WeightSource) => new TiledVision(config, weights, "float32")
  const layouts: [string, readonly RenameRule[], (weights: WeightSource) => unknown, string[]][] = [
    [
      "LLaVA-OneVision's",
      llavaVisionRules("", connectorNamed("mlp2x_gelu")),
      tiled(readLlavaOnevisionVision({ vision_config: siglip }, 12)),
      ["image_newline", "multi_modal_projector.linear_2.bias", "vision_tower.vision_model.head.probe"],
    ],
    [
      "LLaVA's",
      llavaVisionRules("", connectorNamed("mlp2x_gelu")),
      tiled(readLlavaVision({ vision_config: clip }, 12)),
      ["multi_modal_projector.linear_1.weight", "vision_tower.vision_model.embeddings.class_embedding"],
    ],
    [
      "SmolVLM's",
      idefics3VisionRules,
      tiled(readIdefics3Vision(smolvlm, 12)),
      ["model.connector.modality_projection.proj.weight", "model.vision_model.post_layernorm.bias"],
    ],
    [
      "Qwen3-VL's",
      qwen3VisionRules,
      (weights) => new Qwen3Vision(qwen3, weights, "float32"),
      [
        "model.visual.pos_embed.weight",
        "model.visual.deepstack_merger_list.1.norm.bias",
        "model.visual.merger.norm.bias",
      ],
    ],
    [
      "the authors'",
      authorsVisionRules,
      tiled(
        readAuthorsVision(
          { mm_patch_merge_type: "spatial_unpad" },
          readTowerConfig(siglip, { key: "vision_config" }),
          12,
        ),
      ),
      [
        "model.image_newline",
        "model.mm_projector.2.weight",
        "model.vision_tower.vision_tower.vision_model.encoder.layers.1.layer_norm2.bias",
      ],
    ],
  ]

  it.each(layouts)("%s are those that are published, and lead back", (name, rules, build, published) => {
    const recording = new RecordingWeights()
    build(recording)
    const layout = { name, rules }
    const stored = [...recording.shapes.keys()].map((canonical) => {
      const { rule, values } = ruleOfCanonical(layout, canonical)!
      const onDisk = fillName((rule as RenameRule).stored, values)
      const back = ruleOfStored(layout, onDisk, "")!
      expect(fillName((back.rule as RenameRule).canonical, back.values)).toBe(canonical)
      return onDisk
    })
    expect(stored).toEqual(expect.arrayContaining(published))
    expect(new Set(stored).size).toBe(stored.length)
  })
})
