/** config.json of the language-model families, read, written again, and computed with where the model is small. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { readJsonObject } from "../../../src/checkpoint/json.js"
import { normaliseConfig } from "../../../src/models/read-config.js"
import { architectureOf, expectedTensors, newModel } from "../../../src/models/registry.js"
import { causal } from "../../../src/nn/attention-pattern.js"
import { arange, noGrad, tidy } from "../../../src/torch/index.js"
import { SMALL_FAMILIES } from "../../support/small-families.js"
import { mutateJson } from "../mutate/json.js"
import { pick } from "../mutate/values.js"
import { type Fuzzer, Nonsense } from "../target.js"

/** The scalings of rotary frequencies and what else only some files say. */
const llama = SMALL_FAMILIES.llama
const CONFIGS: object[] = [
  ...Object.values(SMALL_FAMILIES),
  { ...llama, rope_scaling: { type: "linear", factor: 2 } },
  { ...llama, rope_scaling: { rope_type: "dynamic", factor: 2 }, max_position_embeddings: 8 },
  {
    ...llama,
    rope_scaling: null,
    rope_parameters: { rope_type: "yarn", factor: 4, beta_fast: 32, beta_slow: 1, rope_theta: 1e4, truncate: false },
  },
  { model_type: "qwen3", text_config: SMALL_FAMILIES.qwen3, dtype: "bfloat16" },
  { ...SMALL_FAMILIES.qwen2, layer_types: Array(4).fill("sliding_attention") },
  {
    ...SMALL_FAMILIES.smollm3,
    no_rope_layers: [1, 0, 1, 0],
    diffusionvl: { paradigm: "block-diffusion", block_size: 4 },
  },
  {
    model_type: "llada",
    d_model: 16,
    n_layers: 2,
    n_heads: 4,
    mlp_ratio: 2,
    vocab_size: 48,
    max_sequence_length: 64,
    weight_tying: true,
    eos_token_id: 2,
  },
]
const LARGEST = 1 << 18
const TOKENS = 12

function use(json: Record<string, unknown>): void {
  const config = normaliseConfig(json, { where: "config.json" })
  const again = normaliseConfig(JSON.parse(JSON.stringify(architectureOf(config).write(config, "float32"))))
  const { raw: _, ...ours } = config
  const { raw: __, ...theirs } = again
  if (JSON.stringify(theirs) !== JSON.stringify(ours))
    throw new Nonsense(`written and read it is another: ${JSON.stringify(ours)} became ${JSON.stringify(theirs)}`)
  let elements = 0
  for (const shape of expectedTensors(config).values()) elements += shape.reduce((a, b) => a * b, 1)
  if (elements > LARGEST) return
  tidy(() =>
    noGrad(() => {
      const model = newModel(config, 1, { std: 0.1 })
      const ids = Int32Array.from({ length: TOKENS }, (_, i) => i % model.vocabSize)
      const hidden = model.forward({
        embeddings: model.embed(ids).unsqueeze(0),
        positions: arange(0, TOKENS).unsqueeze(0),
        patterns: [causal(TOKENS)],
      })
      if (!Number.isFinite(model.logits(hidden.squeeze(0)).abs().max().item()))
        throw new Nonsense("the logits are not finite")
    }),
  )
}

export async function prepare(): Promise<Fuzzer> {
  for (const config of CONFIGS) use(config as Record<string, unknown>)
  return {
    async run({ random, folder, note }) {
      const { bytes, what } = mutateJson(random, structuredClone(pick(random, CONFIGS)))
      note(what)
      const file = join(folder, "config.json")
      writeFileSync(file, bytes)
      use(readJsonObject(file))
    },
  }
}
