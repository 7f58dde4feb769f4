import { expect, it } from "vitest"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { tinyConfig } from "../../test/support/tiny-model.js"
import { UserError } from "../errors.js"
import { zeros } from "../torch/index.js"
import { normaliseConfig } from "./read-config.js"
import { expectedTensors } from "./registry.js"
import { MapWeights, RecordingWeights } from "./weight-source.js"

// Before anything is computed in this file: from here on the engine cannot be loaded.
process.env.DIFFUSIONVL_NATIVE = "/nowhere"

it("lists the tensors of every family without an engine, in the order in which the model takes them", () => {
  const names = [...expectedTensors(tinyConfig).keys()]
  expect(names.slice(0, 4)).toEqual([
    "model.embed_tokens.weight",
    "model.layers.0.input_layernorm.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.0.self_attn.q_proj.bias",
  ])
  expect(names.slice(-2)).toEqual(["model.mm_projector.merger.mlp.2.weight", "model.mm_projector.merger.mlp.2.bias"])
  for (const [name, json] of Object.entries(SMALL_FAMILIES)) {
    const shapes = expectedTensors(normaliseConfig(json))
    expect(shapes.get("model.embed_tokens.weight"), name).toEqual([48, 16])
    expect(shapes.has("lm_head.weight"), name).toBe(name !== "qwen2" && name !== "smollm3")
    expect(shapes.has("model.layers.3.self_attn.q_norm.weight"), name).toBe(name === "qwen3")
  }
  expect(() => zeros([1])).toThrow(UserError)
})

it("knows names below a prefix, and what was taken by them", () => {
  const recording = new RecordingWeights()
  const layer = recording.at("model").at("layers.2")
  const weight = layer.take("norm.weight", [4])
  expect([...recording.shapes]).toEqual([["model.layers.2.norm.weight", [4]]])
  expect([...recording.taken.keys()]).toEqual(["model.layers.2.norm.weight"])
  expect(() => weight.shape).toThrow(/model\.layers\.2\.norm\.weight is only a name/)
  expect(() => layer.take("norm.weight", [4])).toThrow(/twice/)
  expect(() => new MapWeights(new Map()).at("a").take("b", [1])).toThrow(/no weight a\.b/)
})
