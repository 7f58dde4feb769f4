/** Tasks by name with their documents, looked at before any model is loaded. */

import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { UserError } from "../../errors.js"
import type { DownloadOptions } from "../../hub/download.js"
import { HubUnreachable } from "../../hub/request.js"
import { nearest } from "../../nearest.js"
import { counted } from "../../readable.js"
import { decodePicture } from "../answerer/pictures.js"
import { type Documents, openDocuments } from "../documents/documents.js"
import { PageCache } from "../documents/parquet/pages/page-cache.js"
import { type FileTask, isTaskFile, readTaskFile } from "../own-task/task-file.js"
import type { Asked, Doc, Task } from "../task/task.js"
import { findTasks } from "../tasks/index.js"
import { type TextTask, withExamples } from "../tasks/text/text-task.js"
import { sentenceOf } from "./survey.js"

export interface OpenTask {
  /** As it was asked for: a name, or the path of a task file. */
  name: string
  task: Task
  documents: Documents
  /** Where the documents were said to be; undefined: where the task has them. */
  data?: string
  /** The same of the examples before its questions. */
  examples?: string
}

export interface OpenTasksOptions {
  /** Files, folders or datasets of the hub in the place of the tasks' own, by the tasks' names. */
  data?: ReadonlyMap<string, string>
  /** Examples before each question of tasks that have them. @default as many as is usual for the task */
  shots?: number
  download?: DownloadOptions
}

/**
 * @param names of tasks or groups, wildcards allowed; or paths of task files; or what such a file will say
 * @throws UserError for names that mean nothing, data that is not there, and columns that it lacks
 */
export async function openTasks(
  names: readonly (string | FileTask)[],
  options: OpenTasksOptions = {},
): Promise<OpenTask[]> {
  const tasks = names.flatMap((name): Named[] => {
    if (typeof name !== "string") return [{ name: name.file, task: name }]
    if (!isTaskFile(name)) return findTasks([name]).map((task) => ({ name: task.name, task }))
    const file = resolve(name)
    return [{ name: file, task: readTaskFile(file) }]
  })
  const each = [...new Map(tasks.map((one) => [one.name, one])).values()]
  requireOwnNames(each)
  requireKnown([...(options.data?.keys() ?? [])], each)
  const opened: OpenTask[] = []
  // They are read one after the other: all together keep as much as one.
  const pages = new PageCache()
  try {
    for (const one of each) opened.push(await openTask(one, options, pages))
  } catch (error) {
    closeTasks(opened)
    throw error
  }
  return opened
}

interface Named {
  name: string
  task: Task | FileTask | TextTask
}

/** Results and files are called by the tasks' names. */
function requireOwnNames(tasks: readonly Named[]): void {
  for (const [i, { name, task }] of tasks.entries()) {
    const before = tasks.slice(0, i).find((other) => other.task.name === task.name)
    if (before)
      throw new UserError(`${before.name} and ${name} are both called ${task.name}`, {
        fix: "give one of them another name (task: in its file), or run them one after the other",
      })
  }
}

/** What --data calls the examples of a task: TASK:examples. */
export const EXAMPLES = ":examples"

function requireKnown(given: readonly string[], tasks: readonly Named[]): void {
  const known = tasks.flatMap(({ name, task }) => [name, task.name, `${task.name}${EXAMPLES}`])
  const stray = given.find((name) => !known.includes(name))
  if (stray !== undefined)
    throw new UserError(`data is given for ${stray}, which is none of the tasks`, {
      fix: `the tasks are ${tasks.map(({ task }) => task.name).join(", ")}`,
    })
}

async function openTask({ name, task }: Named, options: OpenTasksOptions, pages: PageCache): Promise<OpenTask> {
  const { data = new Map<string, string>(), download } = options
  const where = data.get(task.name) ?? data.get(name)
  const own = "file" in task ? task : undefined
  const from = where ?? own?.data ?? task.source
  if (from === undefined)
    throw new UserError("it has no data of its own", {
      where: task.name,
      fix: `say where it is: --data ${task.name}=FILE`,
    })
  const opened = await openDocuments(from, { split: task.source, ...own?.open, download }, pages).catch((error) => {
    throw error instanceof HubUnreachable ? withoutHub(error, task.name) : error
  })
  try {
    const documents = own?.expand ? await own.expand(opened) : opened
    requireColumns(name, task, documents)
    const shown = await shownTask(task, options)
    const examples = data.get(`${task.name}${EXAMPLES}`)
    return {
      ...{ name, task: shown, documents },
      ...(where !== undefined && { data: lasting(where) }),
      ...(examples !== undefined && { examples: lasting(examples) }),
    }
  } catch (error) {
    opened.close()
    throw error
  }
}

const withoutHub = (error: HubUnreachable, task: string): UserError =>
  new UserError(error.message, {
    where: error.where,
    fix: `${error.fix} Files from elsewhere are taken too: --data ${task}=FILE.`,
    cause: error,
  })

/** In front of another. */
const sentence = (fix: string | undefined): string => (fix === undefined ? "" : `${fix.replace(/[^.]$/, "$&.")} `)

/** The questions are there: it would not be seen what else is fetched. */
const withoutExamples = (error: UserError, task: string): UserError =>
  new UserError(`the examples that stand before the questions of ${task} cannot be had: ${error.message}`, {
    where: error.where,
    fix: `${sentence(error.fix)}--data ${task}${EXAMPLES}=FILE takes them from a file, --shots 0 asks without them`,
    cause: error,
  })

/** For the record: it may be read in another folder. */
const lasting = (where: string): string => (existsSync(where) ? resolve(where) : where)

/** The task with the examples that stand before its questions. */
async function shownTask(task: Task | TextTask, { data, shots, download }: OpenTasksOptions): Promise<Task> {
  const examples = "examples" in task ? task.examples : undefined
  const count = shots ?? examples?.count ?? 0
  if (!examples || count === 0) return task
  const where = data?.get(`${task.name}${EXAMPLES}`) ?? examples.source
  const documents = await openDocuments(where, { split: examples.source, download }).catch((error) => {
    throw error instanceof UserError ? withoutExamples(error, task.name) : error
  })
  try {
    const shown: Doc[] = []
    // Which of them suit a document is known when it is asked.
    const to = examples.suits ? documents.count : Math.min(count, documents.count)
    for await (const { doc } of documents.rows({ to, pictures: [] })) shown.push(doc)
    if (shown.length < count)
      throw new UserError(`there are ${counted(shown.length, "example")}, not ${count}`, {
        where: task.name,
        fix: `--shots ${shown.length} shows those`,
      })
    return withExamples(task as TextTask, shown, count)
  } finally {
    documents.close()
  }
}

/** Gives back the files that `openTasks` opened. */
export function closeTasks(tasks: readonly OpenTask[]): void {
  for (const { documents } of tasks) documents.close()
}

function requireColumns(name: string, task: Task, { columns, count }: Documents): void {
  const missing = task.columns.filter((column) => !columns.includes(column))
  if (missing.length > 0) {
    const meant = isTaskFile(name) ? nearest(missing[0], columns) : undefined
    throw new UserError(`the data lacks ${missing.join(", ")}: it has ${columns.join(", ")}`, {
      where: task.name,
      fix: meant === undefined ? "it is not the data of this task, or another split of it" : `did you mean ${meant}?`,
    })
  }
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
  for await (const { index, doc } of documents.rows({
    to: Math.min(LOOKED_AT, documents.count),
    pictures: task.pictures,
  })) {
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
  task.cluster?.(doc)
  task.count(doc, { text: task.filtered?.("A", doc) ?? "A", likelihoods }, {})
  return asked
}
