/** Tasks by name with their documents, looked at before any model is loaded. */

import { UserError } from "../../errors.js"
import type { DownloadOptions } from "../../hub/download.js"
import { decodePicture } from "../answerer/pictures.js"
import { type Documents, openDocuments } from "../documents/documents.js"
import type { Asked, Doc, Task } from "../task/task.js"
import { findTasks } from "../tasks/index.js"
import { sentenceOf } from "./survey.js"

export interface OpenTask {
  /** As it was asked for: a name. */
  name: string
  task: Task
  documents: Documents
  /** Where the documents were said to be; undefined: where the task has them. */
  data?: string
}

export interface OpenTasksOptions {
  /** Files, folders or datasets of the hub in the place of the tasks' own, by the tasks' names. */
  data?: ReadonlyMap<string, string>
  download?: DownloadOptions
}

/**
 * @param names of tasks or groups, wildcards allowed
 * @throws UserError for names that mean nothing, data that is not there, and columns that it lacks
 */
export async function openTasks(
  names: readonly string[],
  { data = new Map(), download }: OpenTasksOptions = {},
): Promise<OpenTask[]> {
  const tasks = findTasks(names)
  const stray = [...data.keys()].find((name) => !tasks.some((task) => task.name === name))
  if (stray !== undefined)
    throw new UserError(`data is given for ${stray}, which is none of the tasks`, {
      fix: `the tasks are ${tasks.map(({ name }) => name).join(", ")}`,
    })
  const opened: OpenTask[] = []
  try {
    for (const task of tasks) {
      const where = data.get(task.name)
      const documents = await openData(task, where, download)
      opened.push({ name: task.name, task, documents, ...(where !== undefined && { data: where }) })
      requireColumns(task, documents)
    }
  } catch (error) {
    closeTasks(opened)
    throw error
  }
  return opened
}

export function closeTasks(tasks: readonly OpenTask[]): void {
  for (const { documents } of tasks) documents.close()
}

function openData(task: Task, where: string | undefined, download: DownloadOptions | undefined): Promise<Documents> {
  if (where === undefined && task.source === undefined)
    throw new UserError("it has no data of its own", {
      where: task.name,
      fix: `say where it is: --data ${task.name}=FILE`,
    })
  return openDocuments(where ?? task.source!, { split: task.source, download })
}

function requireColumns(task: Task, { columns, count }: Documents): void {
  const missing = task.columns.filter((column) => !columns.includes(column))
  if (missing.length > 0)
    throw new UserError(`the data lacks ${missing.join(", ")}: it has ${columns.join(", ")}`, {
      where: task.name,
      fix: "it is not the data of this task, or another split of it",
    })
  if (count === 0) throw new UserError("the data has no documents", { where: task.name })
}

/** Documents that are looked at: one that cannot be asked is no reason to stop, several are. */
const LOOKED_AT = 3

/**
 * A first document on its whole way, but for the model: asked, its pictures decoded, an answer counted.
 * @returns what it asks
 * @throws UserError when none of the first documents gets there
 */
export async function tryTask({ task, documents }: OpenTask): Promise<Asked> {
  let failed: UserError | undefined
  for await (const { index, doc } of documents.rows({ to: Math.min(LOOKED_AT, documents.count) })) {
    try {
      return await tryDocument(task, doc)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      failed ??= new UserError(sentenceOf(error), { where: documents.where(index), fix: error.fix, cause: error })
    }
  }
  throw failed
}

async function tryDocument(task: Task, doc: Doc): Promise<Asked> {
  const asked = task.ask(doc)
  for (const picture of asked.pictures) await decodePicture(picture)
  const likelihoods = asked.choices?.map((choice) => ({
    logLikelihood: -1,
    tokens: 1,
    bytes: Buffer.byteLength(choice),
  }))
  task.target(doc)
  task.count(doc, { text: task.filtered?.("A", doc) ?? "A", likelihoods }, {})
  return asked
}
