/** Documents that lie in memory, answers to them, and a task that asks them. */

import { createHash } from "node:crypto"
import type { Documents } from "../../src/eval/documents/documents.js"
import type { KeptAnswer } from "../../src/eval/run/kept-answer.js"
import type { Asked, Doc, Task } from "../../src/eval/task/task.js"

/** @param reads the documents that were read one by one, in their order */
export function documentsOf(docs: readonly Doc[], reads: number[] = []): Documents {
  const part = (doc: Doc, columns?: readonly string[]): Doc =>
    columns ? Object.fromEntries(Object.entries(doc).filter(([column]) => columns.includes(column))) : doc
  return {
    count: docs.length,
    columns: [...new Set(docs.flatMap((doc) => Object.keys(doc)))],
    fingerprint: createHash("sha256").update(JSON.stringify(docs)).digest("hex"),
    async *rows({ columns, from = 0, to = docs.length } = {}) {
      for (let index = from; index < Math.min(to, docs.length); index++)
        yield { index, doc: part(docs[index], columns) }
    },
    async read(index, { columns } = {}) {
      reads.push(index)
      return part(docs[index], columns)
    },
    where: (index) => `memory, row ${index}`,
    close() {},
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

/** A task whose documents are { question, answer, picture }, scored by equality. */
export const plainTask = (more: Partial<Task> = {}): Task => ({
  name: "plain",
  title: "Plain",
  version: 1,
  columns: ["question", "answer"],
  generation: { gen_length: 6 },
  ask({ question, picture, choices }): Asked {
    const pictures = picture instanceof Uint8Array ? [{ bytes: picture, name: "picture" }] : []
    return { context: String(question), pictures, ...(choices !== undefined && { choices: choices as string[] }) }
  },
  target: ({ answer }) => answer,
  count: ({ answer }, { text }) => ({ values: { exact: Number(text === answer) } }),
  metrics: [
    {
      name: "exact",
      higherIsBetter: true,
      aggregate: (values) => values.reduce((sum: number, value) => sum + (value as number), 0) / values.length,
      number: (value) => value as number,
    },
  ],
  ...more,
})
