/** Llama 1 to 3.x, and what was made in its image: SmolLM2, TinyLlama. */
import { textModel } from "../text-model.js"

export const llama = textModel({
  name: "llama",
  title: "Llama",
  facts: {
    maxPositions: 2048,
    biases: ({ attention_bias, mlp_bias }) => ({
      qkv: attention_bias ?? false,
      output: attention_bias ?? false,
      mlp: mlp_bias ?? false,
    }),
  },
})
