/** Documents in memory, for tests of what works on documents. */

import type { Documents } from "../../src/eval/documents/documents.js"
import type { Asked, Doc, Task } from "../../src/eval/task/task.js"

/** @param reads the documents that were read one by one, in their order */
export function documentsOf(rows: readonly Doc[], reads: number[] = []): Documents {
  return {
    count: rows.length,
    columns: [...new Set(rows.flatMap((row) => Object.keys(row)))],
    fingerprint: JSON.stringify(rows.map((row) => Object.keys(row))),
    async *rows({ from = 0, to = rows.length } = {}) {
      for (let index = from; index < Math.min(to, rows.length); index++) yield { index, doc: rows[index] }
    },
    async read(index) {
      reads.push(index)
      return rows[index]
    },
    where: (index) => `row ${index}`,
    close() {},
  }
}

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
