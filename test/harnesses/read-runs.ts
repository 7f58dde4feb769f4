/** What runs of `eval`, of lmms-eval and of lm-evaluation-harness have written: answers as they were given, and scores. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The one file below a folder whose path is like this. */
export function fileOf(folder: string, name: RegExp): string {
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => name.test(path))
  if (found.length !== 1) throw new Error(`${folder} has ${found.length} files like ${name}: ${found}`)
  return join(folder, found[0])
}

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

/** What `eval` kept, in the order of the documents, before anything is cut. */
export const rawAnswers = (out: string, task: string): string[] =>
  linesOf(fileOf(out, new RegExp(`^answers/${task}-.*\\.jsonl$`)))
    .slice(1)
    .sort((a, b) => (a.index as number) - (b.index as number))
    .map(({ raw }) => raw as string)

/** Of a file of samples, before filters. */
export const sampledAnswers = (out: string, task: string): string[] =>
  linesOf(fileOf(out, new RegExp(`samples_${task}(_[\\dT.-]+)?\\.jsonl$`)))
    .sort((a, b) => (a.doc_id as number) - (b.doc_id as number))
    .map(({ resps, filtered_resps: filtered }) => [resps ?? filtered].flat(3)[0] as string)

export interface Results {
  results: Record<string, Record<string, unknown>>
}

export const resultsOf = (out: string): Results => JSON.parse(readFileSync(fileOf(out, /results.*\.json$/), "utf8"))
