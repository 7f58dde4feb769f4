/** Qwen2 and Qwen2.5: biases of queries, keys and values, and a window in the later layers where the file asks for it. */
import { qwenWindows } from "../decoder/decoder-config.js"
import { textModel } from "../text-model.js"

/** A row of the embedding without a token: the authors' mask. */
export const QWEN_MASK = 151671

export const qwen2 = textModel({
  name: "qwen2",
  title: "Qwen2 and Qwen2.5",
  facts: { maxPositions: 32768, kvHeads: 32, biases: () => ({ qkv: true }), windows: qwenWindows },
  spareMask: QWEN_MASK,
})
