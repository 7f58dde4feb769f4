/** What stands for a table of the paper on a small machine: models and questions that fit it. */

import { existsSync } from "node:fs"
import { openDocuments } from "../documents/documents.js"
import { closeTasks, type OpenTask } from "../run/open-tasks.js"
import { type OwnCell, scoreKey } from "./filled-table.js"
import { type RunModel, type RunTasksOptions, runModel, runOpen } from "./run-tasks.js"
import type { SmallTable } from "./small.js"

export interface SmallRow {
  title: string
  type: string
  cells: (OwnCell | { why: string })[]
}

/** Each model decodes as its folder says. */
export async function reproduceSmall(
  table: SmallTable,
  options: Omit<RunTasksOptions, "compat">,
  run: RunModel = runModel,
): Promise<SmallRow[]> {
  const rows: SmallRow[] = []
  const opened: OpenTask[] = []
  try {
    for (const { task, file, imageRoot } of table.tasks)
      opened.push({ name: task.name, task, documents: await openDocuments(file, { imageRoot }), data: file })
    for (const { title, type, model } of table.models) {
      const whyNot = new Map<string, string>()
      const scores = await runOpen(model, opened, { ...options, compat: false }, run, whyNot)
      const cells = table.columns.map(
        ({ task, metric }) =>
          scores.get(scoreKey(task, metric)) ?? { why: whyNot.get(task) ?? "nothing of this kind was asked" },
      )
      rows.push({ title, type, cells })
    }
  } finally {
    closeTasks(opened)
  }
  const absent = table.missing.map(({ title, why }) => ({
    ...{ title, type: "–" },
    cells: table.columns.map(() => ({ why })),
  }))
  return [...rows, ...absent]
}

/** Why models were not run, each reason once. */
export const smallNotRun = (rows: readonly SmallRow[]): string[] =>
  rows.flatMap(({ title, cells }) =>
    [...new Set(cells.flatMap((cell) => ("why" in cell ? [cell.why] : [])))].map((why) => `${title}: ${why}`),
  )

/** Whether a folder is one that recipes/smollm2-sees made, as far as tables need it. */
export const isRun = (folder: string): boolean => existsSync(`${folder}/questions.jsonl`)
