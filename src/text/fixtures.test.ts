/** Golden prompts, labels and ids of the reference tokenizer, where the shared fixtures are at hand. */

import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { conversationOf } from "../data/llava.js"
import { encodePrompt, encodeTraining, IMAGE, imagePrompt } from "./conversation.js"
import { Tokenizer } from "./tokenizer.js"

const shared = resolve(import.meta.dirname, "..", "..", "..", "shared", "fixtures")

describe.skipIf(!existsSync(shared))("golden text", () => {
  const read = (name: string): any => JSON.parse(readFileSync(join(shared, "prompts", name), "utf8"))
  const tokenizer = existsSync(shared)
    ? Tokenizer.load(join(shared, "models", "tiny-qwen2_5_vl"))
    : (undefined as never)
  it("tokenizes and decodes", () => {
    const golden = read("tokenizer.json")
    for (const { text, qwen, qwen_decoded } of golden.strings) {
      expect(tokenizer.encode(text, { special: true }), text).toEqual(qwen)
      expect(tokenizer.decode(qwen, { skipSpecial: false }), text).toBe(qwen_decoded)
    }
    for (const { ids, keep_special, skip_special } of golden.decode) {
      expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(keep_special)
      expect(tokenizer.decode(ids)).toBe(skip_special)
    }
  })
  it("training ids and labels", () => {
    for (const sample of read("training.json").training) {
      const messages = conversationOf(sample.conversations, sample.has_image)
      const { ids, labels } = encodeTraining(messages, tokenizer, "qwen_2_5", { special: true })
      expect([...ids], `sample ${sample.id}`).toEqual(sample.qwen_2_5.input_ids)
      expect([...labels], `sample ${sample.id}`).toEqual(sample.qwen_2_5.labels)
    }
  })
  it("LLaDA training ids and labels (stand-in tokenizer)", () => {
    const llada = Tokenizer.load(join(shared, "models", "tiny-llada"))
    for (const sample of read("training.json").training) {
      const messages = conversationOf(sample.conversations, sample.has_image)
      for (const [format, key] of [
        ["llava_llada", "llava_llada_standin_tokenizer"],
        ["llada_plain", "llada_plain_standin_tokenizer"],
      ] as const) {
        const want = sample[key]
        if (!want?.input_ids) continue
        const { ids, labels } = encodeTraining(messages, llada, format, { special: true })
        expect([...ids], `${format} ${sample.id}`).toEqual(want.input_ids)
        expect([...labels], `${format} ${sample.id}`).toEqual(want.labels)
      }
    }
  })
  it("prompts", () => {
    for (const { context, n_images, ...want } of read("evaluation.json").evaluation) {
      const given = context.includes("<image>")
      const content = given
        ? conversationOf([{ from: "human", value: context }], false, true)[0].content
        : imagePrompt(n_images, context)
      for (const format of ["qwen_2_5", "qwen_1_5"] as const) {
        expect([...encodePrompt([{ role: "user", content }], tokenizer, format, { special: true })]).toEqual(
          want[format].input_ids,
        )
      }
      if (want.hf_qwen2_5_vl) {
        const ids = encodePrompt([{ role: "user", content }], tokenizer, "qwen2_5_vl", { special: true })
        const pad = tokenizer.require("<|image_pad|>")
        expect([...ids].map((id) => (id === IMAGE ? pad : id))).toEqual(want.hf_qwen2_5_vl.input_ids)
      }
    }
  })
})
