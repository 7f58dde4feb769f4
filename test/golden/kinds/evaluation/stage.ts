/** What a stage of evaluation is to the runner. */

import type { Task } from "../../../../src/eval/task/task.js"
import { findTasks } from "../../../../src/eval/tasks/index.js"
import { Mismatch } from "../../check.js"
import type { Json } from "../../json.js"

/** The result for the inputs of a record, in the form of what is expected. */
export type Stage = (record: Json) => unknown

export const taskOf = ({ task }: Json): Task => findTasks([String(task)])[0]

/** @throws Mismatch when the record lacks the field */
export function textIn(record: Json, key: string): string {
  const value = record[key]
  if (typeof value !== "string") throw new Mismatch(`the case has no text ${key}`)
  return value
}

/** @throws Mismatch when the record lacks the field */
export function listIn(record: Json, key: string): unknown[] {
  const value = record[key]
  if (!Array.isArray(value)) throw new Mismatch(`the case has no list ${key}`)
  return value
}

/** @throws Mismatch when the record lacks the field */
export function numberIn(record: Json, key: string): number {
  const value = record[key]
  if (typeof value !== "number") throw new Mismatch(`the case has no number ${key}`)
  return value
}

/** @throws Mismatch when the record lacks the field */
export function docIn(record: Json): Json {
  const { doc } = record
  if (typeof doc !== "object" || doc === null) throw new Mismatch("the case has no doc")
  return doc as Json
}
