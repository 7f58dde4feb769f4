/** JSON and JSONL files of records, LLaVA's among them. */

import { isObject } from "../../checkpoint/json.js"
import { JsonRecords } from "../../data/json-array.js"
import { UserError } from "../../errors.js"
import { readable } from "../../readable.js"
import type { Doc } from "../task/task.js"
import { plainDoc } from "./plain-value.js"
import type { Table } from "./table.js"

/** Records whose members are counted as columns; the others seldom have more. */
const LOOKED_AT = 1000

/** @throws UserError when the file is missing or malformed */
export async function openRecords(file: string): Promise<Table> {
  const records = new JsonRecords(file)
  const read = (row: number, columns?: readonly string[]): Doc => {
    const record = records.read(row)
    const where = `${readable(file, 200)}, row ${row}`
    if (!isObject(record))
      throw new UserError("the record is a list, and not an object with names", {
        where,
        fix: 'write each as {"question": …, "answer": …}',
      })
    const wanted = columns?.filter((column) => Object.hasOwn(record, column)) ?? Object.keys(record)
    return plainDoc(
      wanted.map((column) => [column, record[column]]),
      where,
    )
  }
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
      row: async (row, columns) => read(row, columns),
      close: () => records.close(),
    }
  } catch (error) {
    records.close()
    throw error
  }
}
