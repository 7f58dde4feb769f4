/** A table of the paper, filled as far as models and data are here. */

import { localCopy } from "../../hub/local-copy.js"
import { counted } from "../../readable.js"
import { type FilledTable, type OwnCell, ownRow, scoreKey, tasksOf } from "./filled-table.js"
import { findResults } from "./found-results.js"
import type { PaperTable } from "./paper/paper-table.js"
import { type RunModel, type RunTasksOptions, runModel, runTasks } from "./run-tasks.js"

export interface ReproduceTableOptions extends Omit<RunTasksOptions, "compat"> {
  /** Models that are run. @default those of the paper's that were downloaded */
  models?: readonly string[]
  /** Folders with results of `eval` or lmms-eval, which are not run again. */
  results?: readonly string[]
}

const NO_MODEL = "no model was given for it, and none is on this machine"

/** Decoded and counted as the authors do: blocks of 8 tokens in 8 steps (table 4: of as many steps as tokens), static low-confidence remasking, 128 tokens, greedy. */
export async function reproduceTable(
  paper: PaperTable,
  { models, results = [], ...options }: ReproduceTableOptions,
  run: RunModel = runModel,
): Promise<FilledTable> {
  const found = results.flatMap(findResults)
  const hubs = paper.rows.flatMap(({ hub }) => hub ?? [])
  const wanted = models ?? hubs.filter((hub) => localCopy(hub) !== undefined)
  const own: FilledTable["own"] = []
  for (const model of new Set([...wanted, ...found.map(({ model }) => model)])) {
    const before = found.filter((one) => one.model === model)
    const known = new Map<string, OwnCell>(before.flatMap(({ scores }) => [...scores]))
    const blockSize = before.find(({ blockSize }) => blockSize !== undefined)?.blockSize
    const missing = tasksOf(paper).filter((task) => isMissing(paper, task, known))
    if (!wanted.includes(model)) {
      own.push(ownRow(paper, { model, blockSize }, known, () => "it is not among the results that were given"))
      continue
    }
    const { stepPerToken } = paper
    const how = { ...options, compat: true, ...(stepPerToken && { stepPerToken }) }
    const { whyNot, ...ran } = await runTasks(model, missing, how, run)
    const asked = { model, blockSize: blockSize ?? ran.blockSize }
    own.push(ownRow(paper, asked, new Map([...known, ...ran.scores]), (task) => whyNot.get(task) ?? "it has no score"))
  }
  return { paper, own }
}

const isMissing = ({ columns }: PaperTable, task: string, known: ReadonlyMap<string, OwnCell>): boolean =>
  columns.some(({ score }) => score?.task === task && !known.has(scoreKey(task, score.metric)))

/** Of how many documents what was measured here is, and where it was not decoded as the authors do. */
export function askedOf({ paper, own }: FilledTable): string[] {
  return own.flatMap(({ model, cells }) => {
    const measured = cells.flatMap((cell, i) => ("why" in cell ? [] : [{ ...cell, column: paper.columns[i].title }]))
    if (measured.length === 0) return []
    const counts = new Map<number, string[]>()
    for (const { documents, column } of measured) counts.set(documents, [...(counts.get(documents) ?? []), column])
    const asked = [...counts]
      .map(([count, columns]) => `${counted(count, "document")} (${columns.join(", ")})`)
      .join(", ")
    const others = measured.filter(({ compat }) => compat === false).map(({ column }) => column)
    const how =
      others.length > 0 ? `; not decoded and counted as the authors do (no --compat): ${others.join(", ")}` : ""
    return [`${model}: ${asked}${how}`]
  })
}

/** What was not run, each reason once. */
export function notRun({ paper, own }: FilledTable): string[] {
  const absent = paper.rows.filter((_, i) => !own.some(({ repeats }) => repeats === i))
  const named = absent.map(({ model, size }) => (size === undefined ? model : `${model} ${size}`))
  const models = named.map((name, i) =>
    named.filter((other) => other === name).length > 1 ? `${name} (${absent[i].type})` : name,
  )
  const reasons = own.flatMap(({ model, cells }) =>
    cells.flatMap((cell, i) => ("why" in cell ? [{ model, why: cell.why, column: paper.columns[i].title }] : [])),
  )
  const grouped = new Map<string, string[]>()
  for (const { model, why, column } of reasons)
    grouped.set(`${model}: ${why}`, [...(grouped.get(`${model}: ${why}`) ?? []), column])
  return [
    ...[...grouped].map(([reason, columns]) => `${columns.join(", ")} of ${reason}`),
    ...(models.length > 0 ? [`${models.join(", ")}: ${NO_MODEL}`] : []),
  ]
}
