/** docs/guide/add-a-model.md, followed: Phi-3 is read, computes what Llama computes of the same weights, and is written again. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { readHeader } from "../../src/checkpoint/safetensors/safetensors.js"
import { loadModel } from "../../src/models/load.js"
import { normaliseConfig } from "../../src/models/read-config.js"
import { buildModel, expectedTensors, initialiseWeights, registerArchitecture } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import type { LanguageModel } from "../../src/models/types.js"
import { blockCausal } from "../../src/nn/attention-pattern.js"
import { arange, noGrad, type Tensor } from "../../src/torch/index.js"
import { phi3 } from "./phi3.js"

const json = {
  model_type: "phi3",
  architectures: ["Phi3ForCausalLM"],
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 48,
  hidden_act: "silu",
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  sliding_window: null,
  max_position_embeddings: 64,
  bos_token_id: 1,
  eos_token_id: 2,
}
const folder = mkdtempSync(join(tmpdir(), "add-a-model-"))
beforeAll(() => registerArchitecture(phi3))
afterAll(() => rmSync(folder, { recursive: true }))

const logits = (model: LanguageModel): Tensor =>
  noGrad(() => {
    const ids = Int32Array.from({ length: 20 }, (_, i) => (i * 7 + 3) % 48)
    const hidden = model.forward({
      embeddings: model.embed(ids).unsqueeze(0),
      positions: arange(0, 20).unsqueeze(0),
      patterns: [blockCausal(20, 4)],
      outputPositions: [Int32Array.from(ids.keys())],
    })
    return model.logits(hidden)
  })

it("the guide shows this code", () => {
  const guide = readFileSync(resolve(import.meta.dirname, "../../docs/guide/add-a-model.md"), "utf8")
  const code = readFileSync(join(import.meta.dirname, "phi3.ts"), "utf8")
  const shown = [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block.trim())
  expect(shown.length).toBeGreaterThan(2)
  for (const block of shown.filter((own) => !own.startsWith("// elsewhere"))) expect(code).toContain(block)
})

it("is stored in its own names, and read back the same", async () => {
  const config = normaliseConfig(json)
  expect(config.family).toBe("phi3")
  const parameters = initialiseWeights(config, 3, { std: 0.3 })
  await saveModel(folder, { config, parameters })
  const stored = readHeader(join(folder, "model.safetensors")).tensors
  expect(stored.get("model.layers.0.self_attn.qkv_proj.weight")?.shape).toEqual([32, 16])
  expect(stored.get("model.layers.1.mlp.gate_up_proj.weight")?.shape).toEqual([48, 16])
  expect(
    [...stored.keys()].filter((name) => /q_proj|k_proj|up_proj|gate_proj/.test(name) && !/qkv|gate_up/.test(name)),
  ).toEqual([])
  expect(JSON.parse(readFileSync(join(folder, "config.json"), "utf8"))).toMatchObject(json)
  const { model } = loadModel(folder, { dtype: "float32", device: "cpu" })
  expect([...model.parameters().keys()]).toEqual([...expectedTensors(config).keys()])

  const llama = buildModel(normaliseConfig({ ...json, model_type: "llama" }), parameters, "float32")
  expect(logits(model).sub(logits(llama)).abs().max().item()).toBe(0)
  expect(logits(model).abs().max().item()).toBeGreaterThan(0.1)
})

it("names what cannot be right", () => {
  expect(() => normaliseConfig({ ...json, num_key_value_heads: 3 })).toThrow(/num_key_value_heads 3/)
  expect(() => registerArchitecture(phi3)).toThrow(/there is a family phi3 already/)
})
