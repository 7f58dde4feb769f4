/** Golden cases of text: tokenizer ids, and conversations as training samples and as prompts, in every format. */

import { conversationOf } from "../../../src/data/llava.js"
import {
  type ChatFormat,
  encodePrompt,
  encodeTraining,
  IMAGE,
  imagePrompt,
  type Message,
} from "../../../src/text/conversation.js"
import { expectEqual, sha256 } from "../check.js"
import type { FixtureFolder } from "../folder.js"
import { has, isObject, type Json, recordsWith } from "../json.js"
import { type TokenizerFamily, tokenizerOf } from "../tokenizers.js"
import type { FixtureCase, FixtureGroup, Recogniser } from "../types.js"

interface Encoding {
  input_ids?: number[]
  labels?: number[]
  input_ids_sha256?: string
}

const FORMATS: Record<string, { format: ChatFormat; family: TokenizerFamily }> = {
  qwen_2_5: { format: "qwen_2_5", family: "qwen" },
  qwen_1_5: { format: "qwen_1_5", family: "qwen" },
  qwen_2: { format: "qwen_2", family: "qwen" },
  qwen2_5_vl: { format: "qwen2_5_vl", family: "qwen" },
  llava_llada: { format: "llava_llada", family: "llada" },
  llada_plain: { format: "llada_plain", family: "llada" },
}

/** Keys may say more than the format: "llava_llada_standin_tokenizer", "hf_qwen2_5_vl". */
const formatOf = (key: string): string => key.replace(/^hf_/, "").replace(/_standin_tokenizer$/, "")

/** The authors' code reads special tokens typed inside a text as such. */
const PARITY = { special: true }

/** The formats in which a record is encoded. */
const encodings = (record: Json): [key: string, encoding: Encoding][] =>
  Object.entries(record).filter(
    (entry): entry is [string, Json] => has(entry[1], "input_ids") || has(entry[1], "input_ids_sha256"),
  )

export const recognisePrompts: Recogniser = (document, folder) => {
  const training = recordsWith(document.value, "conversations").filter((record) => encodings(record).length > 0)
  const prompts = recordsWith(document.value, "context", "n_images").filter((record) => encodings(record).length > 0)
  return [
    ...casesOf("training text", training, (record, key, want) => checkTraining(record, key, want, folder)),
    ...casesOf("prompts", prompts, (record, key, want) => checkPrompt(record, key, want, folder)),
    ...tokenizerCases(document.value, folder),
  ]
}

function casesOf(
  kind: string,
  records: Json[],
  check: (record: Json, key: string, want: Encoding) => void,
): FixtureGroup[] {
  return records.flatMap((record, i) =>
    encodings(record).map(([key, want]): FixtureGroup => {
      const format = formatOf(key)
      if (!FORMATS[format]) return { kind: `${kind}, ${format}`, skipped: 1 }
      const id = `${record.id ?? i}`
      return { kind: `${kind}, ${format}`, cases: [{ id, run: () => check(record, format, want) }] }
    }),
  )
}

function checkTraining(record: Json, format: string, want: Encoding, folder: FixtureFolder): void {
  const keys = format === "llada_plain" ? "plain" : "chat"
  const messages = conversationOf(record.conversations as object[], record.has_image === true, false, keys)
  const tokenizer = tokenizerOf(FORMATS[format].family, folder)
  const { ids, labels } = encodeTraining(messages, tokenizer, FORMATS[format].format, PARITY)
  checkIds(ids, want)
  if (want.labels) expectEqual(labels, want.labels, "labels")
}

function checkPrompt(record: Json, format: string, want: Encoding, folder: FixtureFolder): void {
  const text = record.context as string
  // Marks in the text stay where they are; without any, the images come first.
  const content = text.includes("<image>")
    ? conversationOf([{ from: "human", value: text }], false, true)[0].content
    : imagePrompt(record.n_images as number, text)
  const messages: Message[] = [{ role: "user", content }]
  const tokenizer = tokenizerOf(FORMATS[format].family, folder)
  const ids = encodePrompt(messages, tokenizer, FORMATS[format].format, { ...PARITY, dropAfterImage: true })
  // Hugging Face writes one placeholder token per image.
  checkIds(
    format === "qwen2_5_vl" ? ids.map((id) => (id === IMAGE ? tokenizer.require("<|image_pad|>") : id)) : ids,
    want,
  )
}

function checkIds(ids: Int32Array, want: Encoding): void {
  if (want.input_ids) expectEqual(ids, want.input_ids, "ids")
  if (want.input_ids_sha256) expectEqual(sha256(ids), want.input_ids_sha256, "SHA-256 of the ids")
}

/** Strings with their ids per tokenizer, and ids with their text. */
function tokenizerCases(value: unknown, folder: FixtureFolder): FixtureGroup[] {
  const cases: FixtureCase[] = []
  for (const record of recordsWith(value, "text")) {
    const text = record.text as string
    for (const [key, ids] of Object.entries(record)) {
      const family = (["qwen", "llada"] as const).find((name) => key === name || key.startsWith(`${name}_`))
      if (!family || !Array.isArray(ids)) continue
      cases.push({
        id: `${family} ${JSON.stringify(text)}`,
        run() {
          const tokenizer = tokenizerOf(family, folder)
          expectEqual(tokenizer.encode(text, PARITY), ids as number[], "ids")
          const decoded = record[`${key}_decoded`]
          if (typeof decoded === "string")
            expectEqual(tokenizer.decode(ids as number[], { skipSpecial: false }), decoded, "text")
        },
      })
    }
  }
  for (const { ids, keep_special, skip_special } of recordsWith(value, "ids", "keep_special")) {
    cases.push({
      id: `qwen [${ids}]`,
      run() {
        const tokenizer = tokenizerOf("qwen", folder)
        expectEqual(
          tokenizer.decode(ids as number[], { skipSpecial: false }),
          keep_special as string,
          "text with special tokens",
        )
        expectEqual(tokenizer.decode(ids as number[]), skip_special as string, "text")
      },
    })
  }
  return cases.length > 0 && isObject(value) ? [{ kind: "tokenizer", cases }] : []
}
