/** What a run counted, read from its samples' files: ours, or those of lmms-eval. */

import { createHash } from "node:crypto"
import { createReadStream, readdirSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { createInterface } from "node:readline"
import { explaining } from "../../checkpoint/files.js"
import { isObject, type Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { parsePythonJson } from "../task/python-json.js"
import type { Task } from "../task/task.js"

/** One document of a run. */
export interface ComparedSample {
  /** Runs are compared over the same documents: a hash of it, which newer versions of lmms-eval do not record, and one of what is right. */
  document?: string
  target: string
  cluster?: string
  /** By the names of metrics. */
  values: Readonly<Record<string, unknown>>
}

const SAMPLES = /^(.*?)_?samples_(.+)\.jsonl$/

/**
 * The newest samples' file of each task, by the tasks' names.
 * @throws UserError when there is none
 */
export function samplesFiles(folder: string): Map<string, string> {
  const found = new Map<string, { path: string; date: string }>()
  for (const path of filesIn(folder)) {
    const [, date, task] = SAMPLES.exec(path.split(/[/\\]/).at(-1)!) ?? []
    if (task !== undefined && date >= (found.get(task)?.date ?? "")) found.set(task, { path, date })
  }
  if (found.size > 0) return new Map([...found].map(([task, { path }]) => [task, path]))
  throw new UserError("there are no samples in it", {
    where: folder,
    fix: "give the folder that `diffusionvl eval … --out FOLDER` wrote, when it has ended, or lmms-eval with --log_samples",
  })
}

/** Files in a folder and in the folders that it has. */
function filesIn(folder: string): string[] {
  return explaining(folder, () => {
    if (!statSync(folder).isDirectory()) return [folder]
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      if (!entry.isDirectory()) return [path]
      return readdirSync(path, { withFileTypes: true })
        .filter((inner) => inner.isFile())
        .map((inner) => join(path, inner.name))
    })
  })
}

/** What lmms-eval's files have of a document: newer versions leave out `doc`, and `resps` where no filter changed them. */
export interface SampleLine extends Json {
  doc_id: number
  doc?: Json
}

/**
 * Line by line.
 * @throws UserError naming the line that is no sample
 */
export async function* sampleLines(path: string): AsyncGenerator<SampleLine, void, undefined> {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (line.trim() !== "") yield parseSample(line, `${relative(".", path)}, line ${number}`)
  }
}

/** What stays of a document is what it counted. */
export async function readSamples(path: string, task: Task): Promise<Map<number, ComparedSample>> {
  const samples = new Map<number, ComparedSample>()
  const names = task.metrics.map(({ name }) => name)
  for await (const { doc, doc_id, ...record } of sampleLines(path)) {
    // lmms-eval appends to a file that is there: the last line of a document counts.
    samples.set(doc_id, {
      ...(doc && { document: hashOf(doc) }),
      target: hashOf(record.target),
      cluster: clusterOf(task, doc, record.cluster),
      values: Object.fromEntries(names.flatMap((name) => (name in record ? [[name, record[name]]] : []))),
    })
  }
  return samples
}

/** @param recorded where the document lacks the column that tells it, such as one of pictures */
function clusterOf({ cluster, clusterColumn }: Task, doc: Json | undefined, recorded: unknown): string | undefined {
  if (doc && (clusterColumn === undefined || clusterColumn in doc)) return cluster?.(doc)
  return typeof recorded === "string" ? recorded : undefined
}

function parseSample(line: string, where: string): SampleLine {
  let record: unknown
  try {
    // Of answers such as "inf" lmms-eval writes numbers that are none of JSON's.
    record = parsePythonJson(line)
  } catch (cause) {
    throw new UserError("the line is no JSON", { where, fix: "let `eval rescore` write the samples again", cause })
  }
  if (isObject(record) && Number.isInteger(record.doc_id) && (isObject(record.doc) || "filtered_resps" in record))
    return record as SampleLine
  throw new UserError("the line is no sample: it has no doc_id, or neither doc nor filtered_resps", { where })
}

const hashOf = (value: unknown): string => createHash("sha256").update(stable(value)).digest("base64url")

/** The same whatever the order of the keys. */
function stable(value: unknown): string {
  const text = JSON.stringify(value, (_, part) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  )
  return text ?? ""
}
