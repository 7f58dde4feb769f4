/** Tiny models with adapters (test/fixtures/lora/make.py): their numbers, and adapters that this program makes for them. */

import { join, resolve } from "node:path"
import type { LoraSettings } from "../../src/checkpoint/peft-config.js"
import { newValues } from "../../src/models/adapters/adapter.js"
import { planAdapter } from "../../src/models/adapters/adapter-plan.js"
import { saveAdapter } from "../../src/models/adapters/save-adapter.js"
import { type LoadedModel, loadModel } from "../../src/models/load.js"
import { Modules } from "../../src/models/modules.js"
import { readConfig } from "../../src/models/read-config.js"
import type { ImageInput } from "../../src/models/types.js"
import { causal } from "../../src/nn/attention-pattern.js"
import { arange, Generator, noGrad, randn } from "../../src/torch/index.js"

export const loraFixtures = resolve(import.meta.dirname, "..", "fixtures", "lora")

/** [L][V] */
export function logitsOf({ model }: LoadedModel, ids: readonly number[]): number[][] {
  return noGrad(() => {
    const embeddings = model.embed(Int32Array.from(ids)).unsqueeze(0)
    const positions = arange(0, ids.length).unsqueeze(0)
    const hidden = model.forward({ embeddings, positions, patterns: [causal(ids.length)] })
    return model
      .logits(hidden.squeeze(0))
      .split(1)
      .map((row) => row.toNumbers())
  })
}

/** Numbers of a patch of the families that take patches; others get a tile of eight pixels. */
const PATCHES: Record<string, number> = { qwen2_5_vl: 1176, qwen3_vl: 96 }

/** Features of the picture that the fixture has: four by four patches. */
export function featuresOf({ model }: LoadedModel): number[][] {
  const patch = PATCHES[model.config.family]
  const count = patch === undefined ? 3 * 8 * 8 : 16 * patch
  const pixelValues = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37))
  const tokens = model.config.family.startsWith("llava") ? 16 : 4
  const image = { pieces: [tokens], pixelValues, ...(patch !== undefined && { grid: [1, 4, 4] }) } as ImageInput
  return noGrad(() =>
    model
      .encodeImages([image])[0]
      .split(1)
      .map((row) => row.toNumbers()),
  )
}

/** What is learned of each model, by transformers' names. */
export const OWN_ADAPTERS: Record<string, Partial<LoraSettings>> = {
  llama: { target: "all-linear", rsLora: true },
  "llama-tied": { target: ["q_proj", "down_proj"], tokens: [3, 47], rankPattern: { "layers\\.1\\..*q_proj": 3 } },
  qwen2_5_vl: { target: "all-linear", exclude: ["proj"], modulesToSave: ["merger.mlp.2"] },
  llava: { target: "all-linear", modulesToSave: ["multi_modal_projector.linear_1"] },
  llava_onevision: { target: ".*(vision_tower.*(out_proj|fc2)|linear_\\d|language_model.*(v|o)_proj)", tokens: [40] },
  smolvlm: { target: ["proj", "q_proj", "fc1"], alphaPattern: { "modality_projection.proj": 7 } },
  qwen3_vl: { target: "all-linear", modulesToSave: ["patch_embed.proj"] },
}

/** An adapter of the model as if it had been trained: other values than those that it began with. */
export async function writeOwnAdapter(base: string, folder: string): Promise<LoadedModel> {
  const source = join(loraFixtures, base)
  const settings = { rank: 2, alpha: 5, dropout: 0, rsLora: false, target: [], rankPattern: {}, alphaPattern: {} }
  const plan = planAdapter(new Modules(readConfig(source)), {
    ...settings,
    modulesToSave: [],
    tokens: [],
    ...OWN_ADAPTERS[base],
  })
  const values = newValues(plan, 1)
  const loaded = loadModel(source, { dtype: "float32", device: "cpu", trainable: true, adapter: { plan, values } })
  const generator = new Generator(2)
  noGrad(() => {
    for (const learned of loaded.adapter!.parameters().values())
      learned.add_(randn([...learned.shape], { generator }), 0.2)
  })
  const { config, tensors } = loaded.checkpoint
  await saveAdapter(folder, loaded.adapter!, { config, base: tensors, baseName: { name: source } })
  return loaded
}
