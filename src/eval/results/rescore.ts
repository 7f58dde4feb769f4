/** A run that was answered before, scored anew: no model is loaded. */

import { UserError } from "../../errors.js"
import { closeTasks, EXAMPLES, type OpenTask, type OpenTasksOptions, openTasks, tryTask } from "../run/open-tasks.js"
import { answersOf, commandsOf, readRun, type TaskRecord } from "../run/run-record.js"
import { askedHash } from "../run/survey.js"
import { type AnsweredTask, type ScoreRunOptions, scoreRun } from "./score-run.js"
import type { ScoredRun } from "./scored-run.js"

export interface RescoreOptions extends ScoreRunOptions, Pick<OpenTasksOptions, "download"> {
  /** The authors' draws and oddities in the scores. @default as the run was */
  compat?: boolean
  /** What was typed, for the page: it stands behind the run's command. */
  command?: string
}

/**
 * @param folder what `evaluate` wrote
 * @throws UserError when it is no such folder, the documents are others now, or there is no answer to one of them
 */
export async function rescore(
  folder: string,
  { compat, command, download, ...options }: RescoreOptions,
): Promise<ScoredRun> {
  const record = readRun(folder)
  const run = { ...record, compat: compat ?? record.compat, command: commandsOf(record.command, command) }
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
    const tasks: AnsweredTask[] = []
    for (const [i, open] of opened.entries()) {
      const record = run.tasks[i]
      await requireSame(record, open)
      tasks.push({ record, task: open.task, documents: open.documents, answers: answersOf(folder, record) })
    }
    return await scoreRun(run, tasks, options)
  } finally {
    closeTasks(opened)
  }
}

/** How it is counted may have changed since, but not what was asked. */
async function requireSame({ task, fingerprint, asks }: TaskRecord, open: OpenTask): Promise<void> {
  const fix = "run the evaluation again: answers to documents that are the same are kept"
  if (open.documents.fingerprint !== fingerprint)
    throw new UserError("the documents are not those that were answered", { where: task, fix })
  if (askedHash(await tryTask(open)) !== asks)
    throw new UserError("it asks something else than what was answered: its prompt is another", { where: task, fix })
}
