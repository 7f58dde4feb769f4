/** Modules that are several layers here: an adapter of Phi-3's fused matrices is trained, written and read as one. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { phi3 } from "../../test/guide/phi3.js"
import { difference, logits } from "../../test/support/text-logits.js"
import { readHeader } from "../checkpoint/safetensors/safetensors.js"
import { merge } from "../paradigms/merge.js"
import { noGrad, randn } from "../torch/index.js"
import { newValues } from "./adapters/adapter.js"
import { planAdapter } from "./adapters/adapter-plan.js"
import { saveAdapter } from "./adapters/save-adapter.js"
import { loadModel } from "./load.js"
import { Modules } from "./modules.js"
import { normaliseConfig } from "./read-config.js"
import { initialiseWeights, registerArchitecture } from "./registry.js"
import { saveModel } from "./save.js"

const folder = mkdtempSync(join(tmpdir(), "modules-"))
const [base, adapterFolder, whole] = ["base", "adapter", "whole"].map((name) => join(folder, name))
beforeAll(() => registerArchitecture(phi3))
afterAll(() => rmSync(folder, { recursive: true }))

it("a fused module has one adapter, shared by the layers that it is", async () => {
  const config = normaliseConfig({
    model_type: "phi3",
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
  })
  await saveModel(base, { config, parameters: initialiseWeights(config, 3, { std: 0.3, embeddingStd: 1 }) })
  const modules = new Modules(config)
  expect(modules.byName.get("model.layers.1.self_attn.qkv_proj")).toMatchObject({
    linear: true,
    shape: [32, 16],
    layers: [
      { layer: "model.layers.1.self_attn.q_proj", rows: { start: 0, length: 16 } },
      { layer: "model.layers.1.self_attn.k_proj", rows: { start: 16, length: 8 } },
      { layer: "model.layers.1.self_attn.v_proj", rows: { start: 24, length: 8 } },
    ],
  })
  const plan = planAdapter(modules, {
    rank: 2,
    alpha: 3,
    dropout: 0,
    rsLora: false,
    target: ["qkv_proj", "gate_up_proj"],
    rankPattern: {},
    alphaPattern: {},
    modulesToSave: ["o_proj"],
    tokens: [],
  })
  const options = { dtype: "float32", device: "cpu" } as const
  const loaded = loadModel(base, { ...options, trainable: true, adapter: { plan, values: newValues(plan, 1) } })
  const before = logits(loadModel(base, options).model)
  expect(difference(logits(loaded.model), before)).toBe(0)
  const parameters = [...loaded.adapter!.parameters().values()]
  expect(parameters).toHaveLength(2 * 2 * 2 + 2)
  noGrad(() => {
    for (const x of parameters) x.add_(randn([...x.shape]), 0.2)
  })
  const changed = logits(loaded.model)
  expect(difference(changed, before)).toBeGreaterThan(0.1)
  await saveAdapter(adapterFolder, loaded.adapter!, {
    config,
    base: loaded.checkpoint.tensors,
    baseName: { name: base },
  })
  const names = [...readHeader(join(adapterFolder, "adapter_model.safetensors")).tensors.keys()]
  expect(names).toContain("base_model.model.model.layers.0.self_attn.qkv_proj.lora_B.weight")
  expect(names).toContain("base_model.model.model.layers.1.self_attn.o_proj.weight")
  expect(names).toHaveLength(10)
  expect(difference(logits(loadModel(adapterFolder, options).model), changed)).toBe(0)
  await merge(adapterFolder, whole)
  expect(difference(logits(loadModel(whole, options).model), changed)).toBeLessThan(1e-4)
})
