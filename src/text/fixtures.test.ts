/** Golden text that the runner in test/golden does not reach: a format told only by another one's ids, layouts of every family. */

import { beforeAll, expect, it } from "vitest"
import { goldenJson, goldenModelFolder, goldenPath, needsGolden } from "../../test/support/golden.js"
import { readHeader, readTensor } from "../checkpoint/safetensors/safetensors.js"
import { conversationOf } from "../data/llava.js"
import { encodeTraining, IGNORE, IMAGE } from "./conversation.js"
import { layOut } from "./layout.js"
import { Tokenizer } from "./tokenizer/tokenizer.js"

const read = <T>(name: string): T => goldenJson(name)

type Turns = Parameters<typeof conversationOf>[0]
interface Ids {
  input_ids: number[]
  labels: number[]
}

needsGolden.describe("golden text", () => {
  let tokenizer: Tokenizer
  beforeAll(() => {
    tokenizer = Tokenizer.load(goldenModelFolder("tiny-qwen2_5_vl"))
  })

  it("training ids and labels of qwen_1_5 are those of qwen_2_5", () => {
    const golden = read<{ training: { id: number; conversations: Turns; has_image: boolean; qwen_2_5: Ids }[] }>(
      "prompts/training.json",
    ).training
    expect(golden.length).toBeGreaterThan(0)
    for (const { id, conversations, has_image, qwen_2_5 } of golden) {
      const messages = conversationOf(conversations, has_image, false)
      const { ids, labels } = encodeTraining(messages, tokenizer, "qwen_1_5", { special: true })
      expect([...ids], `sample ${id}`).toEqual(qwen_2_5.input_ids)
      expect([...labels], `sample ${id}`).toEqual(qwen_2_5.labels)
    }
  })

  it("layouts of training batches: image rows, truncation, EOS padding", () => {
    const { cases, samples } = read<{
      samples: { image?: string | string[]; conversations: Turns }[]
      cases: {
        key: string
        samples: number[]
        model: string
        objective: string
        B: number
        L: number
        D: number
        real_lengths: number[]
      }[]
    }>("train/cases.json")
    const { tensors } = readHeader(goldenPath("train/tensors.safetensors"))
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
    for (const { key, samples: indices, B, D, L, real_lengths } of golden) {
      for (let b = 0; b < B; b++) {
        const present = matrix(`${key}.attention_mask`, b)
        const keep = (values: Int32Array): Int32Array => values.filter((_, i) => present[i] === 1)
        const encoded = { ids: keep(matrix(`${key}.input_ids`, b)), labels: keep(matrix(`${key}.labels`, b)) }
        if (key.startsWith("vl.")) {
          const { image, conversations } = samples[indices[b]]
          const messages = conversationOf(conversations, image !== undefined)
          expect(encodeTraining(messages, tokenizer, "qwen_2_5", { special: true }), key).toMatchObject(encoded)
        }
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
