/** One file of rows, whatever its format. */

import { UserError } from "../../errors.js"
import { firstOf, label, readable } from "../../readable.js"
import type { Doc } from "../task/task.js"

/** Rows of a file: more are no benchmark, and their places would fill the memory. */
export const MOST_ROWS = 1 << 24

export interface Table {
  readonly file: string
  readonly count: number
  readonly columns: readonly string[]
  /** Whether rows may lack columns. */
  readonly loose: boolean
  /** Whether text may stand for a picture: a path, or base64. */
  readonly textPictures: boolean
  /**
   * One row; its neighbours are quick.
   * @param columns those that are wanted; a loose table leaves out what the row does not have. @default all
   */
  row(row: number, columns?: readonly string[]): Promise<Doc>
  /** The picture of the row that another row names in the place of its own. */
  shared?(name: string): Promise<unknown>
  close(): void
}

/** @throws UserError naming the file and the column that it lacks */
export function requireColumns(table: Table, columns: readonly string[]): void {
  const missing = columns.find((column) => !table.columns.includes(column))
  if (missing === undefined) return
  throw new UserError(`there is no column ${label(missing)}`, {
    where: readable(table.file, 200),
    fix: `it has ${firstOf(table.columns.map(label), 30).join(", ")}: take another split or file, or download it again`,
  })
}

export function closeAll(tables: readonly Table[]): void {
  for (const table of tables) table.close()
}
