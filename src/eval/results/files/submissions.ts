/** What the servers of benchmarks take: JSON, or a sheet of rows for a name that ends with .xlsx. */

import { join } from "node:path"
import writeSheet from "write-excel-file/node"
import { explaining, writeFileAtomic, writeJson } from "../../../checkpoint/files.js"
import { isObject, type Json } from "../../../checkpoint/json.js"
import { makeFolder } from "../../../make-folder.js"

export const SUBMISSIONS_FOLDER = "submissions"

/** @returns the files, in the folder `submissions` */
export async function writeSubmissions(out: string, submissions: Readonly<Record<string, unknown>>): Promise<string[]> {
  const folder = join(out, SUBMISSIONS_FOLDER)
  const files = Object.entries(submissions).map(([name, content]) => ({ path: join(folder, name), content }))
  if (files.length > 0) explaining(folder, () => makeFolder(folder))
  for (const { path, content } of files) {
    if (path.endsWith(".xlsx")) await writeFileAtomic(path, await sheetOf((content as unknown[]).filter(isObject)))
    else await writeJson(path, content)
  }
  return files.map(({ path }) => path)
}

/** Rows under the names of the first one's keys, as pandas writes them: texts, numbers, and nothing for what is missing. */
function sheetOf(rows: readonly Json[]): Promise<Uint8Array> {
  const columns = Object.keys(rows[0] ?? {})
  const cell = (value: unknown) => {
    if (value === null || value === undefined) return null
    if (typeof value === "number") return Number.isFinite(value) ? { type: Number, value } : null
    return { type: String, value: String(value) }
  }
  const head = columns.map((value) => ({ type: String, value, fontWeight: "bold" as const }))
  const data = [head, ...rows.map((row) => columns.map((column) => cell(row[column])))]
  return writeSheet(data, { sheet: "Sheet1" }).toBuffer()
}
