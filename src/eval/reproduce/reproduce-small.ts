/** What stands for a table of the paper on a small machine: models and questions that fit it. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { explaining } from "../../checkpoint/files.js"
import { makeFolder } from "../../make-folder.js"
import { writeTaskFile } from "../own-task/task-file.js"
import { closeTasks, type OpenTask, openTasks } from "../run/open-tasks.js"
import { type OwnCell, scoreKey } from "./filled-table.js"
import { type RunModel, type RunTasksOptions, runModel, runOpen } from "./run-tasks.js"
import type { SmallTable } from "./small.js"

export interface SmallRow {
  title: string
  type: string
  cells: (OwnCell | { why: string })[]
}

/** Each model decodes as its folder says. The tasks' files are written beside the runs, which are scored anew with them. */
export async function reproduceSmall(
  table: SmallTable,
  options: Omit<RunTasksOptions, "compat">,
  run: RunModel = runModel,
): Promise<SmallRow[]> {
  const rows: SmallRow[] = []
  const opened: OpenTask[] = []
  const folder = join(options.out, "tasks")
  explaining(folder, () => makeFolder(folder))
  try {
    for (const content of table.tasks) {
      const file = join(folder, `${content.task}.yaml`)
      await writeTaskFile(file, content)
      opened.push(...(await openTasks([file])))
    }
    for (const { title, type, model } of table.models) {
      const whyNot = new Map<string, string>()
      const { scores } = await runOpen(model, opened, { ...options, compat: false }, run, whyNot)
      const cells = table.columns.map(
        ({ task, metric, part }) =>
          scores.get(scoreKey(task, metric, part)) ?? { why: whyNot.get(task) ?? "nothing of this kind was asked" },
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
