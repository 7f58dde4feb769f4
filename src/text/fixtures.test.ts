/** Golden prompts, labels, ids and layouts of the authors' code, where the shared fixtures are at hand. */

import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { readHeader, readTensor } from "../checkpoint/safetensors.js"
import { conversationOf } from "../data/llava.js"
import { encodePrompt, encodeTraining, IGNORE, IMAGE, imagePrompt, type Message } from "./conversation.js"
import { layOut } from "./layout.js"
import { Tokenizer } from "./tokenizer.js"

const shared = resolve(import.meta.dirname, "..", "..", "..", "shared", "fixtures")
const read = <T>(name: string): T => JSON.parse(readFileSync(join(shared, name), "utf8")) as T

type Turns = Parameters<typeof conversationOf>[0]
interface Ids {
  input_ids: number[]
  labels: number[]
}

describe.skipIf(!existsSync(shared))("golden text", () => {
  let tokenizer: Tokenizer
  let llada: Tokenizer
  beforeAll(() => {
    tokenizer = Tokenizer.load(join(shared, "models", "tiny-qwen2_5_vl"))
    llada = Tokenizer.load(join(shared, "models", "tiny-llada"))
  })

  it("tokenizes and decodes", () => {
    const golden = read<{
      strings: { text: string; qwen: number[]; qwen_decoded: string; llada_standin: number[] }[]
      decode: { ids: number[]; keep_special: string; skip_special: string }[]
    }>("prompts/tokenizer.json")
    expect(golden.strings.length).toBeGreaterThan(0)
    for (const { text, qwen, qwen_decoded, llada_standin } of golden.strings) {
      expect(tokenizer.encode(text, { special: true }), text).toEqual(qwen)
      expect(tokenizer.decode(qwen, { skipSpecial: false }), text).toBe(qwen_decoded)
      expect(llada.encode(text, { special: true }), text).toEqual(llada_standin)
    }
    for (const { ids, keep_special, skip_special } of golden.decode) {
      expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(keep_special)
      expect(tokenizer.decode(ids)).toBe(skip_special)
    }
  })

  it("training ids and labels", () => {
    const golden = read<{
      training: {
        id: number
        conversations: Turns
        has_image: boolean
        qwen_2_5: Ids
        llava_llada_standin_tokenizer?: Ids
        llada_plain_standin_tokenizer?: Ids
      }[]
    }>("prompts/training.json").training
    expect(golden.length).toBeGreaterThan(0)
    for (const sample of golden) {
      for (const [format, by, want] of [
        ["qwen_2_5", tokenizer, sample.qwen_2_5],
        ["qwen_1_5", tokenizer, sample.qwen_2_5],
        ["llava_llada", llada, sample.llava_llada_standin_tokenizer],
        ["llada_plain", llada, sample.llada_plain_standin_tokenizer],
      ] as const) {
        if (!want) continue
        const keys = format === "llada_plain" ? "plain" : "chat"
        const messages = conversationOf(sample.conversations, sample.has_image, false, keys)
        const { ids, labels } = encodeTraining(messages, by, format, { special: true })
        expect([...ids], `${format}, sample ${sample.id}`).toEqual(want.input_ids)
        expect([...labels], `${format}, sample ${sample.id}`).toEqual(want.labels)
      }
    }
  })

  it("prompts", () => {
    const golden = read<{
      evaluation: {
        context: string
        n_images: number
        qwen_2_5: Ids
        qwen_1_5: Ids
        hf_qwen2_5_vl?: Ids
        llava_llada_standin_tokenizer: Ids
      }[]
    }>("prompts/evaluation.json").evaluation
    expect(golden.length).toBeGreaterThan(0)
    for (const { context, n_images, ...want } of golden) {
      const content = context.includes("<image>")
        ? conversationOf([{ from: "human", value: context }], false, true)[0].content
        : imagePrompt(n_images, context)
      const messages: Message[] = [{ role: "user", content }]
      for (const format of ["qwen_2_5", "qwen_1_5"] as const) {
        expect([...encodePrompt(messages, tokenizer, format, { special: true })]).toEqual(want[format].input_ids)
      }
      expect([...encodePrompt(messages, llada, "llava_llada", { special: true, dropAfterImage: true })]).toEqual(
        want.llava_llada_standin_tokenizer.input_ids,
      )
      if (want.hf_qwen2_5_vl) {
        const ids = encodePrompt(messages, tokenizer, "qwen2_5_vl", { special: true })
        const pad = tokenizer.require("<|image_pad|>")
        expect([...ids].map((id) => (id === IMAGE ? pad : id))).toEqual(want.hf_qwen2_5_vl.input_ids)
      }
    }
  })

  it("layouts of training batches: image rows, truncation, EOS padding", () => {
    const { cases } = read<{
      cases: {
        key: string
        model: string
        objective: string
        B: number
        L: number
        D: number
        real_lengths: number[]
      }[]
    }>("train/cases.json")
    const { tensors } = readHeader(join(shared, "train/tensors.safetensors"))
    const matrix = (name: string, row: number): Int32Array => {
      const location = tensors.get(name)!
      const width = location.shape[1]
      const bytes = readTensor(location)
      const numbers =
        location.dtype === "uint8" ? Int32Array.from(bytes) : new Int32Array(bytes.slice().buffer, 0, bytes.length / 4)
      return numbers.subarray(row * width, (row + 1) * width)
    }
    const golden = cases.filter(({ objective }) => objective === "block-diffusion")
    expect(golden.length).toBeGreaterThan(0)
    for (const { key, B, D, L, real_lengths } of golden) {
      for (let b = 0; b < B; b++) {
        const present = matrix(`${key}.attention_mask`, b)
        const keep = (values: Int32Array): Int32Array => values.filter((_, i) => present[i] === 1)
        const encoded = { ids: keep(matrix(`${key}.input_ids`, b)), labels: keep(matrix(`${key}.labels`, b)) }
        const want = matrix(`${key}.spliced_labels`, b)
        const mask = matrix(`${key}.spliced_attention_mask`, b)
        const rows = imageRows(encoded, want)
        const eos = want[real_lengths[b] - 1]
        const { ids, labels } = layOut(encoded, rows, { maxLength: 8192, blocks: { size: D, eos } })
        expect(labels.length, key).toBe(real_lengths[b])
        expect([...labels, ...Array(L - labels.length).fill(IGNORE)], key).toEqual([...want])
        expect(ids.filter((id) => id === IMAGE).length, key).toBe(rows.reduce((sum, n) => sum + n, 0))
        expect(
          [...mask].map((bit, row) => (bit === 1) === row < labels.length),
          key,
        ).not.toContain(false)
      }
    }
  })
})

/** Rows of each image: what the reference put between the labels before and after a slot. */
function imageRows({ ids, labels }: { ids: Int32Array; labels: Int32Array }, spliced: Int32Array): number[] {
  const rows: number[] = []
  let row = 0
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] !== IMAGE) {
      expect(spliced[row++]).toBe(labels[i])
      continue
    }
    // In all formats a labelled line break or another token that is not an image follows.
    let count = 0
    while (spliced[row + count] === IGNORE) count++
    const unlabelled = labels.subarray(i + 1).findIndex((label) => label !== IGNORE)
    rows.push(count - unlabelled)
    row += count - unlabelled
  }
  return rows
}
