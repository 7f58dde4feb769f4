/** What the tasks make of cases, in the form in which authors.py says what the authors' functions make of them. */

import { pythonRandom } from "../../src/eval/task/python-random.js"
import { filteredAnswer } from "../../src/eval/task/sample-record.js"
import type { Task, TaskMetric } from "../../src/eval/task/task.js"
import { imageColumns } from "../../src/eval/tasks/parts/options-text.js"
import type { ScoringCase } from "./documents.js"

export interface Outcome {
  context: string
  /** Columns of the pictures, where the prompt names them. */
  images?: string[]
  target: unknown
  filtered: string
  values: Record<string, unknown>
}

export interface TaskOutcome {
  cases: Outcome[]
  /** By the metrics' names, those that the authors' functions compute. */
  metrics: Record<string, unknown>
}

/** Scored in order, drawing as the authors' program does. */
export function outcomeOf(task: Task, cases: readonly ScoringCase[]): TaskOutcome {
  const compat = { draw: pythonRandom(0) }
  const outcomes = cases.map(({ doc, answer }): Outcome => {
    const { context } = task.ask(doc)
    const { filtered, text } = filteredAnswer(task, answer, doc)
    const { values } = task.count(doc, { text }, compat)
    const images = /^mmmu_(val|pro_standard)$/.test(task.name) ? { images: imageColumns(context) } : {}
    return { context, ...images, target: task.target(doc), filtered, values: { ...values } }
  })
  const isScore = ({ name, unavailable, prepare }: TaskMetric): boolean =>
    !unavailable && !prepare && name !== "submission"
  const offered = task.metrics.filter(isScore)
  const metrics = offered.map(({ name, aggregate }): [string, unknown] => {
    const values = outcomes.flatMap((outcome) => (name in outcome.values ? [outcome.values[name]] : []))
    return [name, aggregate(values, compat)]
  })
  return { cases: outcomes.map(comparable), metrics: Object.fromEntries(metrics) }
}

/** Numbers that JSON does not have as texts, lists without an order in one, and what is new here left out. */
export function comparable<T>(value: T): T {
  return plain(value) as T
}

function plain(value: unknown, key = ""): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  if (Array.isArray(value)) {
    const list = value.map((one) => plain(one))
    return key === "parsed_pred" ? list.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : list
  }
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).filter(([name]) => name !== "detailcaps_BERTScore")
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(one, name)]))
}
