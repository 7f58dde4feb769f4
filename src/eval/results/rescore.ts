/** A run that was answered before, scored anew: no model is loaded. */

import { UserError } from "../../errors.js"
import type { Documents } from "../documents/documents.js"
import { closeTasks, EXAMPLES, type OpenTasksOptions, openTasks } from "../run/open-tasks.js"
import { answersOf, readRun, type TaskRecord } from "../run/run-record.js"
import { type ScoreRunOptions, scoreRun } from "./score-run.js"
import type { ScoredRun } from "./scored-run.js"

export interface RescoreOptions extends ScoreRunOptions, Pick<OpenTasksOptions, "download"> {
  /** The authors' draws and oddities in the scores. @default as the run was */
  compat?: boolean
}

/**
 * @param folder what `evaluate` wrote
 * @throws UserError when it is no such folder, the documents are others now, or there is no answer to one of them
 */
export async function rescore(folder: string, { compat, download, ...options }: RescoreOptions): Promise<ScoredRun> {
  const record = readRun(folder)
  const run = { ...record, compat: compat ?? record.compat }
  const data = new Map(
    record.tasks.flatMap(({ task, data, examples }): [string, string][] => [
      ...(data === undefined ? [] : [[task, data] as [string, string]]),
      ...(examples === undefined ? [] : [[`${task}${EXAMPLES}`, examples] as [string, string]]),
    ]),
  )
  const opened = await openTasks(
    record.tasks.map(({ task }) => task),
    { data, download, shots: record.shots },
  )
  try {
    const tasks = opened.map(({ task, documents }, i) => {
      const record = run.tasks[i]
      requireSame(record, documents)
      return { record, task, documents, answers: answersOf(folder, record) }
    })
    return await scoreRun(run, tasks, options)
  } finally {
    closeTasks(opened)
  }
}

function requireSame({ task, fingerprint }: TaskRecord, documents: Documents): void {
  if (documents.fingerprint === fingerprint) return
  throw new UserError("the documents are not those that were answered", {
    where: task,
    fix: "run the evaluation again: answers to documents that are the same are kept",
  })
}
