/** JSON and JSONL files of records, LLaVA's among them. */

import { JsonRecords } from "../../data/json-array.js"
import type { Doc } from "../task/task.js"
import type { Batch, Table } from "./table.js"

/** Records whose members are counted as columns; the others seldom have more. */
const LOOKED_AT = 1000

/** @throws UserError when the file is missing or malformed */
export async function openRecords(file: string): Promise<Table> {
  const records = new JsonRecords(file)
  // Whatever else begins no record.
  const read = (index: number): Doc => records.read(index) as Doc
  try {
    const columns = new Set<string>()
    for (let i = 0; i < Math.min(records.length, LOOKED_AT); i++)
      for (const column of Object.keys(read(i))) columns.add(column)
    return {
      file,
      count: records.length,
      columns: [...columns],
      loose: true,
      textPictures: true,
      async batch(from: number): Promise<Batch> {
        return { rows: [read(from)], from }
      },
      close: () => records.close(),
    }
  } catch (error) {
    records.close()
    throw error
  }
}
