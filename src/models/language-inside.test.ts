/** The language model inside one that sees is written as its family writes it. */

import { describe, expect, it } from "vitest"
import { TINY_MODELS } from "../../test/support/tiny-models.js"
import { type ModelConfig, withVocabulary } from "../checkpoint/config.js"
import { normaliseConfig } from "./read-config.js"
import { architectureOf } from "./registry.js"

const again = (config: ModelConfig): ModelConfig => normaliseConfig(architectureOf(config).write(config, "float32"))

describe.each(["llava", "llava_onevision", "smolvlm", "qwen3_vl"])("%s", (family) => {
  const config = normaliseConfig(TINY_MODELS[family].config)

  it("is what it was, with every key that was read", () => {
    const { raw, ...read } = again(config)
    expect(read).toMatchObject({ text: config.text, tokens: config.tokens, paradigm: config.paradigm })
    expect(raw).toMatchObject(config.raw)
  })

  it("has the rows and the head that it has now", () => {
    const { text } = again(withVocabulary(config, config.text.vocabSize + 3))
    expect(text.vocabSize).toBe(config.text.vocabSize + 3)
    for (const tie of [true, false]) expect(again({ ...config, text: { ...config.text, tie } }).text.tie).toBe(tie)
  })
})

it("LLaDA counts its rows in a key of its own", () => {
  const sizes = { d_model: 16, n_layers: 1, n_heads: 2, mlp_hidden_size: 24, max_sequence_length: 64 }
  const language = { model_type: "llada", ...sizes, vocab_size: 100, embedding_size: 112 }
  const config = normaliseConfig({ ...TINY_MODELS.llava.config, text_config: language })
  const { raw, text } = again(withVocabulary(config, 300))
  expect(raw.text_config).toMatchObject({ ...sizes, embedding_size: 300 })
  expect(text.vocabSize).toBe(300)
})
