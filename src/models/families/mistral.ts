/** Mistral: a sliding window in every layer, unless the file says null. */
import { textModel } from "../text-model.js"

export const mistral = textModel({
  name: "mistral",
  title: "Mistral",
  facts: {
    maxPositions: 131072,
    kvHeads: 8,
    windows: ({ num_hidden_layers, sliding_window = 4096 }) => Array(num_hidden_layers).fill(sliding_window),
  },
})
