/** A table of the paper with what was measured here beside it. */

import type { MetricResult } from "../results/task-result.js"
import type { PaperColumn, PaperRow, PaperTable } from "./paper/paper-table.js"

/** What was measured, or why nothing was. */
export type OwnCell = Pick<MetricResult, "value" | "scale" | "certainty" | "standardError"> & {
  value: number
  documents: number
  /** Whether it was decoded and counted as the authors do, where that is known. */
  compat?: boolean
}
export interface OwnRow {
  model: string
  /** Of the paper's rows the one that it repeats, by its place; none of a model that the paper has not. */
  repeats?: number
  cells: (OwnCell | { why: string })[]
}

export interface FilledTable {
  paper: PaperTable
  own: OwnRow[]
}

/** Scores that are known of a model, by task and metric. */
export type KnownScores = ReadonlyMap<string, OwnCell>

/** @param part of the documents */
export const scoreKey = (task: string, metric: string, part?: string): string =>
  part === undefined ? `${task}/${metric}` : `${task}/${metric}/${part}`

/** The tasks of a table, each once. */
export const tasksOf = ({ columns }: PaperTable): string[] => [
  ...new Set(columns.flatMap(({ score }) => score?.task ?? [])),
]

/**
 * @param model its name decides which row of the paper it repeats; else its block size, where the rows are block sizes
 * @param whyNot of tasks that were not run
 */
export function ownRow(
  paper: PaperTable,
  { model, blockSize }: { model: string; blockSize?: number },
  known: KnownScores,
  whyNot: (task: string) => string,
): OwnRow {
  const named = rowOf(paper.rows, model)
  const repeats =
    named >= 0 ? named : paper.rows.findIndex((row) => row.blockSize !== undefined && row.blockSize === blockSize)
  return {
    model,
    ...(repeats >= 0 && { repeats }),
    cells: paper.columns.map((column) => cellOf(column, known, whyNot)),
  }
}

function cellOf({ score }: PaperColumn, known: KnownScores, whyNot: (task: string) => string): OwnRow["cells"][number] {
  if (!score) return { why: "the paper does not say what it is" }
  return known.get(scoreKey(score.task, score.metric)) ?? { why: whyNot(score.task) }
}

/** By the hub's name of a model, or the end of a path that is called so. */
const rowOf = (rows: readonly PaperRow[], model: string): number =>
  rows.findIndex(({ hub }) => hub !== undefined && (model === hub || model.split(/[/\\]/).at(-1) === hub.split("/")[1]))
