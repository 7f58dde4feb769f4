/** A task of one's own from a YAML file. */

import { dirname, resolve } from "node:path"
import { stringify } from "yaml"
import type { z } from "zod"
import { writeFileAtomic } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"
import { parseHubId } from "../../hub/hub-id.js"
import { label } from "../../readable.js"
import { readYamlFile } from "../../train/recipe/recipe-file.js"
import type { Documents, OpenOptions } from "../documents/documents.js"
import type { Doc, HubSource, Task } from "../task/task.js"
import { extractionOf } from "./extract.js"
import { OwnQuestions } from "./own-questions.js"
import { questionsOfRows } from "./questions-of-rows.js"
import { type Extraction, type TaskFileContent, taskFileSchema } from "./schema.js"

const TASK = { noun: "task file", example: "examples/emoji/tasks/emoji.yaml", line: "task: my-task" }

/** A task with the file that it stands in, and where its documents are. */
export interface FileTask extends Task {
  file: string
  /** For `openDocuments`; undefined where the file says nothing. */
  data?: string | HubSource
  open: OpenOptions
  /** Where a row asks several questions. */
  expand?(documents: Documents): Promise<Documents>
}

export const isTaskFile = (name: string): boolean => /\.ya?ml$/i.test(name)

/** What is read may stand in any line: a short answer does not, and is cut as the benchmarks' are. */
const keepsLines = (answer: Extraction): boolean =>
  typeof answer === "object" || answer === "whole" || answer === "number"

/** @throws UserError naming the keys that are wrong, with their lines */
export const readTaskFile = (file: string): FileTask => fileTask(readYamlFile(taskFileSchema, file, TASK), file)

/** What a task file says, keys with defaults left out where they hold. */
export type TaskFileInput = z.input<typeof taskFileSchema>

/**
 * The task of a file that is to be written (`writeTaskFile`).
 * @throws UserError for what cannot be
 */
export function newFileTask(content: TaskFileInput, file: string): FileTask {
  const { success, data, error } = taskFileSchema.safeParse(content)
  if (success) return fileTask(data, file)
  throw new UserError(error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "))
}

export const writeTaskFile = (file: string, content: TaskFileInput): Promise<void> =>
  writeFileAtomic(file, stringify(content))

function fileTask(content: TaskFileContent, file: string): FileTask {
  const { task: name, title = name, version, generation, group, pictures, image_root: imageRoot } = content
  const own = new OwnQuestions(content, extractionOf(content.answer, file), file)
  const data = dataOf(content, file)
  const isDataset = typeof data === "object"
  return {
    file,
    data,
    open: {
      ...(pictures !== undefined && { pictures: [pictures].flat() }),
      ...(imageRoot !== undefined && { imageRoot }),
      ...(isDataset && { split: data }),
    },
    name,
    title,
    version,
    ...(isDataset && { source: data }),
    columns: own.columns,
    ...(pictures !== undefined && { pictures: [pictures, group ?? []].flat() }),
    generation,
    whole: keepsLines(content.answer),
    ask: (doc) => own.ask(doc),
    target: (doc) => own.target(doc),
    ...(own.byLikelihood && { right: (doc: Doc) => own.right(doc) }),
    count: (doc, answered) => own.count(doc, answered),
    metrics: own.metrics,
    ...(content.format === "llava" && { expand: questionsOfRows }),
    ...(group !== undefined && { cluster: (doc: Doc) => own.group(doc, group), clusterColumn: group }),
  }
}

/** Paths are relative to the task file. */
function dataOf({ data }: TaskFileContent, file: string): string | HubSource | undefined {
  if (data === undefined) return undefined
  if (typeof data === "string") return resolve(dirname(file), data)
  if (parseHubId(data.dataset)) return { ...data, files: data.files ?? "" }
  throw new UserError(`data.dataset: ${label(data.dataset)} is no dataset of the hub`, {
    where: file,
    fix: "it looks like org/name; a file or a folder stands behind data: alone",
  })
}
