/** Tables of the paper as rows of cells, for the terminal and for pages. */

import { intervalText, scoreText } from "../results/printed.js"
import type { FilledTable, OwnCell } from "./filled-table.js"
import type { SmallRow } from "./reproduce-small.js"
import type { SmallTable } from "./small.js"

export interface TableRow {
  kind: "group" | "paper" | "own"
  cells: { text: string; interval?: string }[]
}

/** Models of the paper with their numbers; below each what was measured here. @returns its head and rows */
export function filledRows({ paper, own }: FilledTable): { head: string[]; rows: TableRow[] } {
  const has = (key: "size" | "samples"): boolean => paper.rows.some((row) => row[key] !== undefined)
  const beside = [...(has("size") ? ["size"] : []), "type", ...(has("samples") ? ["samples"] : [])]
  const rows: TableRow[] = []
  const ownRow = ({ model, cells }: FilledTable["own"][number]): TableRow => ({
    kind: "own",
    cells: [{ text: `here: ${model}` }, ...beside.map(() => ({ text: "" })), ...cells.map(cellText)],
  })
  for (const [i, row] of paper.rows.entries()) {
    if (row.group !== paper.rows[i - 1]?.group) rows.push({ kind: "group", cells: [{ text: row.group }] })
    const about = beside.map((key) => row[key as "size" | "type" | "samples"] ?? "")
    rows.push({
      kind: "paper",
      cells: [row.model, ...about, ...row.cells].map((text) => ({ text: text === "-" ? "–" : text })),
    })
    rows.push(...own.filter(({ repeats }) => repeats === i).map(ownRow))
  }
  const others = own.filter(({ repeats }) => repeats === undefined)
  if (others.length > 0) rows.push({ kind: "group", cells: [{ text: "Not in the paper" }] }, ...others.map(ownRow))
  return { head: ["", ...beside, ...paper.columns.map(({ title }) => title)], rows }
}

export function smallRows({ columns }: SmallTable, rows: readonly SmallRow[]): { head: string[]; rows: TableRow[] } {
  return {
    head: ["", "type", ...columns.map(({ title }) => title)],
    rows: rows.map(({ title, type, cells }) => ({
      kind: "own",
      cells: [{ text: title }, { text: type }, ...cells.map(cellText)],
    })),
  }
}

function cellText(cell: OwnCell | { why: string }): TableRow["cells"][number] {
  if ("why" in cell) return { text: "not run" }
  const metric = { ...cell, name: "", higherIsBetter: true, clusters: 0, parts: [] }
  return { text: scoreText(cell.value, cell), ...(cell.certainty && { interval: intervalText(metric) }) }
}
