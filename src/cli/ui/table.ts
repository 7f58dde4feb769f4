/** Aligned plain tables: columns of text left, of numbers right. */

import { columnsOf, padTo } from "./width.js"

export type Cell = string | number | undefined

/**
 * @param rows the first is the header when `header` is set; a missing cell is left empty
 * @returns the lines joined by newlines, without a last one
 */
export function formatTable(rows: readonly (readonly Cell[])[], { header = true, indent = 0 } = {}): string {
  if (rows.length === 0) return ""
  const texts = rows.map((row) => row.map((cell) => (cell === undefined ? "" : String(cell))))
  const columns = Math.max(...texts.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...texts.map((row) => columnsOf(row[column] ?? ""))),
  )
  const body = rows.slice(header ? 1 : 0)
  const sides = widths.map(
    (_, column) => (isNumeric(body.map((row) => row[column])) ? "right" : "left") as "left" | "right",
  )
  const lines = texts.map((row) => line(widths.map((width, column) => padTo(row[column] ?? "", width, sides[column]))))
  if (header) lines.splice(1, 0, line(widths.map((width) => "─".repeat(width))))
  return lines.map((text) => " ".repeat(indent) + text).join("\n")
}

function line(cells: string[]): string {
  return cells.join("  ").trimEnd()
}

/** What stands in the place of a number. */
const NOTHING: readonly Cell[] = [undefined, "", "–", "not run"]

/** Numbers, and texts that begin like one ("12.5 %"). */
function isNumeric(cells: readonly Cell[]): boolean {
  const filled = cells.filter((cell) => !NOTHING.includes(cell))
  return filled.length > 0 && filled.every((cell) => typeof cell === "number" || /^[-−+±]?\d/.test(cell as string))
}
