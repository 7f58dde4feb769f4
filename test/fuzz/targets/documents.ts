/** Data files and task files of evaluations: opened, looked at document by document, asked about, and read in another order. */

import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { Random } from "../../../src/data/prng.js"
import { decodePicture } from "../../../src/eval/answerer/pictures.js"
import { columnsWithoutPictures } from "../../../src/eval/documents/columns-without-pictures.js"
import { openDocuments } from "../../../src/eval/documents/documents.js"
import { readTaskFile } from "../../../src/eval/own-task/task-file.js"
import { tryTask } from "../../../src/eval/run/open-tasks.js"
import { askingOrder, type Surveyed, survey } from "../../../src/eval/run/survey.js"
import type { Doc, Task } from "../../../src/eval/task/task.js"
import { findTasks } from "../../../src/eval/tasks/index.js"
import { BENCHMARKS } from "../../authors-scores/documents.js"
import { documentsFor, WRITERS } from "../../support/documents-files.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { placeOddFile } from "../mutate/file.js"
import { type Mutated, mutateText, mutateValue, render } from "../mutate/json.js"
import { mutateParquet } from "../mutate/parquet.js"
import { below, oddString, pick } from "../mutate/values.js"
import { mutateYaml } from "../mutate/yaml.js"
import { type Fuzzer, Nonsense } from "../target.js"

const OWN = `task: own
format: rows
pictures: [image]
prompt: |-
  {{question}}
  {{choices}}
choices: options
target: "{{answer}}"
target_is: index
answer: letter
score: [exact, relaxed]
parts: question
group: image
generation: { max_new_tokens: 8, gen_length: 8 }
`

/** The whole way of a document, but for the model. */
async function use(file: string, task: Task): Promise<void> {
  const documents = await openDocuments(file)
  try {
    const open = { name: task.name, task, documents }
    const missing = task.columns.filter((column) => !documents.columns.includes(column))
    if (missing.length === 0 && documents.count > 0) await tryTask(open)
    const surveyed: Surveyed[] = []
    for await (const { surveyed: one } of survey(task, documents, { first: documents.count })) surveyed.push(one)
    if (surveyed.length !== documents.count) throw new Nonsense(`${surveyed.length} of ${documents.count} documents`)
    for (const { index, failed, asked } of askingOrder(surveyed)) {
      const doc = await documents.read(index, { pictures: task.pictures })
      if (failed !== undefined) continue
      const again = await one(task, doc)
      if (again === undefined) throw new Nonsense(`document ${index} was asked ${asked}, and cannot be asked now`)
    }
    await columnsWithoutPictures(documents)
  } finally {
    documents.close()
  }
}

async function one(task: Task, doc: Doc): Promise<string | undefined> {
  const { context, pictures } = task.ask(doc)
  for (const picture of pictures.slice(0, 3)) await decodePicture(picture)
  task.count(doc, { text: task.filtered?.("A", doc) ?? "A" }, {})
  return context
}

/** What is odd in the words of documents: paths, base64, lists of pictures. */
function oddCell(random: Random): unknown {
  const picture = pick(random, [
    "",
    "pictures/a.png",
    "../../../etc/passwd",
    "/etc/passwd",
    "http://127.0.0.1:9/a.png",
    "data:image/png;base64,iVBO",
    "data:image/svg+xml,<svg/>",
    "iVBORw0KGgo".padEnd(80, "A"),
    "iVBORw0KGgo".padEnd(5000, " \n"),
    "a\0b",
    "x".repeat(5000),
    "pictures",
    "12",
    oddString(random),
  ])
  return pick<unknown>(random, [
    picture,
    { bytes: picture, path: picture },
    Array(pick(random, [1, 3, 2000])).fill(picture),
    [[picture]],
  ])
}

function mutateRecords(random: Random, text: string, lines: boolean): Mutated {
  const records: Doc[] = lines ? text.split("\n").map((line) => JSON.parse(line)) : JSON.parse(text)
  const at = below(random, records.length)
  const record: Record<string, unknown> = { ...records[at] }
  let value: unknown = record
  let what: string
  if (random() < 0.4) {
    const column = pick(random, Object.keys(record))
    record[column] = oddCell(random)
    what = `${column} is ${JSON.stringify(record[column])?.slice(0, 40)}`
  } else ({ value, what } = mutateValue(random, record))
  const parts = records.map((one, i) => render(i === at ? value : one))
  return { bytes: Buffer.from(lines ? parts.join("\n") : `[${parts.join(",")}]`), what: `record ${at}: ${what}` }
}

const textOf = (cell: unknown): string => (typeof cell === "string" ? cell : JSON.stringify(cell))

function mutateTable(random: Random, text: string): Mutated {
  const separator = text.includes("\t") ? "\t" : ";"
  const lines = text.split("\n")
  const at = below(random, lines.length)
  const cells = lines[at].split(separator)
  cells[below(random, cells.length)] = textOf(
    pick<unknown>(random, [oddCell(random), '"', '"a""b', "\r", "\0", "=1+1", '"x"y']),
  )
  lines[at] = cells.join(separator)
  return { bytes: Buffer.from(lines.join("\n")), what: `a cell of line ${at}` }
}

function mutate(random: Random, format: string, bytes: Buffer): Mutated {
  if (format.endsWith("parquet")) return random() < 0.8 ? mutateParquet(random, bytes) : mutateBytes(random, bytes)
  if (random() < 0.2) return mutateBytes(random, bytes)
  const text = bytes.toString()
  if (random() < 0.2) return mutateText(random, text)
  return format.startsWith("json") ? mutateRecords(random, text, format === "jsonl") : mutateTable(random, text)
}

export async function prepare(base: string): Promise<Fuzzer> {
  const tasks = new Map(findTasks(BENCHMARKS).map((task) => [task.name, task]))
  const files = new Map<string, string>()
  for (const name of BENCHMARKS)
    for (const [format, write] of Object.entries(WRITERS)) {
      const folder = join(base, `${name} ${format}`)
      mkdirSync(folder, { recursive: true })
      const file = write(folder, documentsFor(name))
      files.set(`${name} ${format}`, file)
      const task = tasks.get(name) as Task
      // Text has no lists of pictures.
      if (format.endsWith("parquet")) await acceptedAsItIs(`${name} ${format}`, () => use(file, task))
    }
  const own = join(base, "own.yaml")
  writeFileSync(own, OWN)
  await acceptedAsItIs("own.yaml", () => use(files.get("ai2d jsonl") as string, readTaskFile(own)))
  return {
    async run({ random, folder, note }) {
      const [name, format] = [pick(random, BENCHMARKS), pick(random, Object.keys(WRITERS))]
      const source = files.get(`${name} ${format}`) as string
      const file = join(folder, basename(source))
      let task = tasks.get(name) as Task
      cpSync(join(source, "..", "pictures"), join(folder, "pictures"), { recursive: true })
      copyFileSync(source, file)
      const kind = random()
      if (kind < 0.02) note(placeOddFile(random, file))
      else if (kind < 0.2) {
        const { bytes, what } = mutateYaml(random, OWN)
        note(`own.yaml: ${what}; ${name}, ${format}`)
        writeFileSync(join(folder, "own.yaml"), bytes)
        task = readTaskFile(join(folder, "own.yaml"))
      } else {
        const { bytes, what } = mutate(random, format, readFileSync(source))
        note(`${name}, ${format}: ${what}`)
        writeFileSync(file, bytes)
      }
      await use(file, task)
    },
  }
}
