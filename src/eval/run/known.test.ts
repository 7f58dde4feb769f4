/** What is known is neither asked nor looked at again, whatever was asked in between; what is out of date is shown nowhere. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, expect, it } from "vitest"
import { plainTask } from "../../../test/support/documents.js"
import { writeParquet } from "../../../test/support/parquet-file.js"
import type { Subject } from "../answerer/subject.js"
import { type Documents, openDocuments } from "../documents/documents.js"
import { rescore } from "../results/rescore.js"
import type { Task } from "../task/task.js"
import { pictureOf } from "../tasks/parts/document.js"
import { evaluate } from "./evaluate.js"
import { closeTasks, openTasks } from "./open-tasks.js"

const root = mkdtempSync(join(tmpdir(), "known-"))
afterAll(() => rmSync(root, { recursive: true }))
const COUNT = 12

function subjectOf(asked: string[], stopAfter = Number.POSITIVE_INFINITY): Subject {
  const record = { name: "scripted", fingerprint: "x" }
  const answer = async ({ context }: { context: string }) => {
    if (asked.length >= stopAfter) throw new Error("stopped")
    asked.push(context)
    return { raw: "yes", tokens: 1, forwards: 1, ended: true }
  }
  return { record, separator: "", check() {}, open: async () => ({ record, answer }) }
}

async function picture(shade: number): Promise<Uint8Array> {
  const background = { r: shade, g: shade, b: shade }
  const file = sharp({ create: { width: 4, height: 4, channels: 3, background } }).png()
  return new Uint8Array(await file.toBuffer())
}

async function write(file: string, shades: readonly number[]): Promise<void> {
  const pictures = await Promise.all(shades.map(picture))
  writeParquet(file, {
    question: { type: "string", values: shades.map((_, i) => `q${i}`) },
    answer: { type: "string", values: shades.map(() => "yes") },
    image: { type: "image", values: pictures.map((bytes) => ({ bytes, path: "a" })) },
  })
}

/** Documents with pictures that are counted when they are read. */
async function watched(file: string): Promise<{ documents: Documents; seen: number[] }> {
  const documents = await openDocuments(file)
  const seen: number[] = []
  const rows: Documents["rows"] = async function* (range) {
    for await (const row of documents.rows(range)) {
      if ("image" in row.doc) seen.push(row.index)
      yield row
    }
  }
  const rest = { close: () => documents.close(), where: (index: number) => documents.where(index) }
  const { count, columns, fingerprint } = documents
  const read = (index: number) => documents.read(index)
  return {
    documents: {
      count,
      columns,
      fingerprint,
      rows,
      read,
      ...rest,
      get contained() {
        return documents.contained
      },
    },
    seen,
  }
}

async function run(file: string, out: string, { task = plain(), stopAfter }: { task?: Task; stopAfter?: number } = {}) {
  const { documents, seen } = await watched(file)
  const asked: string[] = []
  try {
    const tasks = [{ name: task.name, task, documents }]
    await evaluate({ subject: subjectOf(asked, stopAfter), tasks, out: join(root, out), concurrent: 1 }).catch(
      (error) => {
        if (error.message !== "stopped") throw error
      },
    )
  } finally {
    documents.close()
  }
  return { asked: asked.sort(), seen: [...new Set(seen)].sort((a, b) => a - b) }
}

const plain = (more: Partial<Task> = {}): Task =>
  plainTask({
    columns: ["question", "answer", "image"],
    ask: (doc) => ({
      context: String(doc.question),
      get pictures() {
        return [pictureOf(doc, "image", false)]
      },
    }),
    ...more,
  })

const shades = Array.from({ length: COUNT }, (_, i) => i)
const questions = shades.map((i) => `q${i}`).sort()

it("pictures of known documents are not read again, unless the data is another", async () => {
  const file = join(root, "a.parquet")
  await write(file, shades)
  const stopped = await run(file, "a", { stopAfter: 5 })
  expect([stopped.asked.length, stopped.seen.length]).toEqual([5, COUNT])
  const rest = await run(file, "a")
  expect([...stopped.asked, ...rest.asked].sort()).toEqual(questions)
  // And the first one, which is tried before anything else.
  expect(rest.seen.filter((index) => index > 0).length).toBeLessThanOrEqual(7)
  expect(await run(file, "a")).toEqual({ asked: [], seen: [0] })
  // A document that looks at its pictures before it says what it asks is looked at whole.
  const eager = plain({ ask: (doc) => ({ context: String(doc.question), pictures: [pictureOf(doc, "image", false)] }) })
  expect(await run(file, "a", { task: eager })).toEqual({ asked: [], seen: shades })
  await write(file, shades.with(7, 99))
  expect(await run(file, "a")).toEqual({ asked: ["q7"], seen: shades })
})

it("pictures in files of their own are looked at each time: nothing else tells whether they are the same", async () => {
  const file = join(root, "b.jsonl")
  for (const i of shades) writeFileSync(join(root, `${i}.png`), await picture(i))
  const rows = shades.map((i) => JSON.stringify({ question: `q${i}`, answer: "yes", image: `${i}.png` }))
  writeFileSync(file, rows.join("\n"))
  expect((await run(file, "b")).asked).toEqual(questions)
  expect(await run(file, "b")).toEqual({ asked: [], seen: shades })
  writeFileSync(join(root, "3.png"), await picture(77))
  expect((await run(file, "b")).asked).toEqual(["q3"])
})

it("what was asked in another way is out of date, and is known again when that is asked", async () => {
  await write(join(root, "c.parquet"), shades)
  const [file, out] = [join(root, "c.yaml"), join(root, "c")]
  const ask = (prompt: string): void =>
    writeFileSync(
      file,
      ["task: c", "data: c.parquet", `prompt: "${prompt} {{ question }}"`, 'target: "yes"'].join("\n"),
    )
  const open = async (stopAfter?: number): Promise<number> => {
    const tasks = await openTasks([file])
    const asked: string[] = []
    await evaluate({ subject: subjectOf(asked, stopAfter), tasks, out, concurrent: 1 }).catch((error) => {
      if (error.message !== "stopped") throw error
    })
    closeTasks(tasks)
    return asked.length
  }
  const scored = async (): Promise<number> => (await rescore(out, { out })).tasks[0].result.documents.effective
  ask("Tell me:")
  expect([await open(), await scored()]).toEqual([COUNT, COUNT])
  ask("Please:")
  expect(await open(4)).toBe(4)
  // The eight others are answers to something else.
  await expect(scored()).rejects.toThrow("8 of 12 documents are not answered")
  ask("Tell me:")
  expect([await open(), await scored()]).toEqual([0, COUNT])
  ask("Please:")
  expect([await open(), await scored()]).toEqual([8, COUNT])
})
