/** Qwen3: norms of each head's queries and keys, and a width of heads that is not the hidden size over their number. */
import { type DecoderFacts, qwenWindows } from "../decoder/decoder-config.js"
import { textModel } from "../text-model.js"
import { QWEN_MASK } from "./qwen2.js"

export const QWEN3_FACTS: DecoderFacts = {
  maxPositions: 32768,
  headDim: 128,
  kvHeads: 32,
  headNorms: true,
  biases: ({ attention_bias }) => ({ qkv: attention_bias ?? false, output: attention_bias ?? false }),
  windows: qwenWindows,
}

export const qwen3 = textModel({ name: "qwen3", title: "Qwen3", facts: QWEN3_FACTS, spareMask: QWEN_MASK })
