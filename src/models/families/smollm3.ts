/** SmolLM3: every fourth layer knows no positions. */
import type { DecoderJson } from "../decoder/decoder-config.js"
import { textModel } from "../text-model.js"

/** 1 for layers with positions. */
function ropeLayers({ num_hidden_layers, no_rope_layers, no_rope_layer_interval }: DecoderJson): boolean[] {
  if (no_rope_layers) return no_rope_layers.map((flag) => flag === 1)
  return Array.from({ length: num_hidden_layers }, (_, i) => (i + 1) % (no_rope_layer_interval ?? 4) !== 0)
}

export const smollm3 = textModel({
  name: "smollm3",
  title: "SmolLM3",
  facts: {
    maxPositions: 32768,
    kvHeads: 4,
    theta: 2_000_000,
    tie: true,
    biases: ({ attention_bias, mlp_bias }) => ({
      qkv: attention_bias ?? false,
      output: attention_bias ?? false,
      mlp: mlp_bias ?? false,
    }),
    ropeLayers,
    windows(json) {
      const { use_sliding_window, sliding_window, layer_types } = json
      if (!use_sliding_window || sliding_window == null) return undefined
      const slides = layer_types?.map((type) => type === "sliding_attention") ?? ropeLayers(json).map((has) => !has)
      return slides.map((does) => (does ? sliding_window : null))
    },
  },
})
