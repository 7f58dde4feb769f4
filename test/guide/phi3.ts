/** Phi-3: a Llama-like decoder whose queries, keys and values are one matrix on disk, and gate and up another. */

import { type Architecture, kept, type Layout, type TextModelConfig, textModel } from "../../src/index.js"

const decoder = textModel({
  name: "phi3",
  title: "Phi-3",
  facts: {
    maxPositions: 4096,
    windows: ({ sliding_window: window, num_hidden_layers: layers }) =>
      window == null ? undefined : Array.from({ length: layers }, () => window),
  },
})

const layout = ({ text: { heads, kvHeads, headDim } }: TextModelConfig): Layout => ({
  name: "phi3",
  rules: [
    {
      stored: "model.layers.{i}.self_attn.qkv_proj.weight",
      canonical: ["q_proj", "k_proj", "v_proj"].map((name) => `model.layers.{i}.self_attn.${name}.weight`),
      axis: 0,
      sizes: [heads * headDim, kvHeads * headDim, kvHeads * headDim],
    },
    {
      stored: "model.layers.{i}.mlp.gate_up_proj.weight",
      canonical: ["gate_proj", "up_proj"].map((name) => `model.layers.{i}.mlp.${name}.weight`),
      axis: 0,
    },
    ...kept("model.embed_tokens.*", "model.layers.*", "model.norm.*", "lm_head.*"),
  ],
})

export const phi3: Architecture<TextModelConfig> = { ...decoder, layouts: (config) => [layout(config)] }
