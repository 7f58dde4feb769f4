/** Documents that lie in memory, and answers to them. */

import { createHash } from "node:crypto"
import type { Documents } from "../../src/eval/documents/documents.js"
import type { KeptAnswer } from "../../src/eval/run/kept-answer.js"
import type { Doc } from "../../src/eval/task/task.js"

export function documentsOf(docs: readonly Doc[]): Documents {
  return {
    count: docs.length,
    columns: [...new Set(docs.flatMap((doc) => Object.keys(doc)))],
    fingerprint: createHash("sha256").update(JSON.stringify(docs)).digest("hex"),
    async *rows({ columns, from = 0, to = docs.length } = {}) {
      for (let index = from; index < Math.min(to, docs.length); index++) {
        const entries = Object.entries(docs[index]).filter(([column]) => !columns || columns.includes(column))
        yield { index, doc: Object.fromEntries(entries) }
      }
    },
    read: async (index) => docs[index],
    where: (index) => `memory, row ${index}`,
    close: () => {},
  }
}

export function answersOf(texts: readonly (string | undefined)[]): Map<number, KeptAnswer> {
  return new Map(
    texts.flatMap((text, index) => (text === undefined ? [] : [[index, keptAnswer(index, text)] as const])),
  )
}

export const keptAnswer = (index: number, text: string): KeptAnswer => ({
  index,
  asked: String(index),
  raw: `${text}.`,
  text,
  tokens: 2,
  forwards: 1,
  seconds: 0.5,
  ended: true,
})

/** Questions of MMStar's form, of `categories` second-level categories; a column like a picture among them. */
export const mmstarDocs = (count: number, categories = 3): Doc[] =>
  Array.from({ length: count }, (_, index) => ({
    index,
    question: `Which? (${index})\nOptions: A: x, B: y`,
    image: { bytes: new Uint8Array([index]), path: null },
    answer: "AB"[index % 2],
    category: "math",
    l2_category: `part ${index % categories}`,
  }))
