/** A model on tasks, with what cannot be run said and not thrown: a table is filled as far as it can be. */

import { join } from "node:path"
import { UserError } from "../../errors.js"
import { modelTitle } from "../../readable.js"
import type { Device, DType } from "../../torch/index.js"
import { localSubject } from "../answerer/subject.js"
import { scoreRun } from "../results/score-run.js"
import type { ScoredRun } from "../results/scored-run.js"
import { evaluate, type Observer } from "../run/evaluate.js"
import { closeTasks, type OpenTask, openTasks } from "../run/open-tasks.js"
import { sentenceOf } from "../run/survey.js"
import type { MetricTools } from "../task/task.js"
import { type OwnCell, scoreKey } from "./filled-table.js"

export interface RunTasksOptions {
  out: string
  /** As the authors decode and count. */
  compat: boolean
  /** With as many steps as a block has tokens, and the block size on record. */
  stepPerToken?: boolean
  /** Where the documents of tasks are, in the place of their own. */
  data?: ReadonlyMap<string, string>
  /** What scores are computed with. */
  tools?: MetricTools
  limit?: number
  concurrent?: number
  dtype?: DType | "auto"
  device?: Device | "auto"
  command?: string
  signal?: AbortSignal
  observer?: Observer & { asks?(model: string): void }
}

/** Answers and scores; a parameter, so that tables can be filled without models. */
export type RunModel = (model: string, tasks: readonly OpenTask[], options: RunTasksOptions) => Promise<ScoredRun>

export const runModel: RunModel = async (model, tasks, options) => {
  const { out, compat, stepPerToken, dtype, device, tools, signal, data: _, ...others } = options
  options.observer?.asks?.(modelTitle(model))
  const subject = await localSubject(model, { compat, dtype, device, signal })
  const { blockSize } = subject
  const decoding = stepPerToken && blockSize !== undefined ? { blockSize, steps: blockSize } : undefined
  const { record, tasks: answered } = await evaluate({
    subject,
    tasks,
    out,
    compat,
    decoding,
    tools,
    signal,
    ...others,
  })
  return scoreRun(
    record,
    answered.map(({ open, record, answers }) => ({ ...open, record, answers })),
    { out, signal, ...(tools && { tools }) },
  )
}

export interface TasksRun {
  scores: Map<string, OwnCell>
  /** Where it was asked for. */
  blockSize?: number
  /** Why a task was not run. */
  whyNot: Map<string, string>
}

/** @param names of benchmarks, whose documents are downloaded if they must be */
export async function runTasks(
  model: string,
  names: readonly string[],
  options: RunTasksOptions,
  run: RunModel = runModel,
): Promise<TasksRun> {
  const whyNot = new Map<string, string>()
  const opened: OpenTask[] = []
  const { data, signal } = options
  try {
    for (const name of names) {
      try {
        const own = data?.get(name)
        const where = own === undefined ? {} : { data: new Map([[name, own]]) }
        opened.push(...(await openTasks([name], { ...where, download: { signal } })))
      } catch (error) {
        whyNot.set(name, reasonOf(error))
      }
    }
    return { ...(await runOpen(model, opened, options, run, whyNot)), whyNot }
  } finally {
    closeTasks(opened)
  }
}

/** Tasks whose documents are open. @param whyNot is added to */
export async function runOpen(
  model: string,
  tasks: readonly OpenTask[],
  options: RunTasksOptions,
  run: RunModel,
  whyNot: Map<string, string>,
): Promise<Omit<TasksRun, "whyNot">> {
  const scores = new Map<string, OwnCell>()
  let blockSize: number | undefined
  if (tasks.length === 0) return { scores }
  try {
    const out = join(options.out, modelTitle(model).replaceAll(/[^\w.-]+/g, "-"))
    const { tasks: scored, run: record } = await runWhatCan(
      tasks,
      (some) => run(model, some, { ...options, out }),
      whyNot,
    )
    blockSize = record?.tasks[0]?.decoding.blockSize
    for (const { result } of scored)
      for (const { value, scale, certainty, documents, name, problem, parts } of result.metrics) {
        for (const { name: part, score, count } of parts)
          scores.set(scoreKey(result.task, name, part), { value: score, scale, documents: count })
        if (value !== null)
          scores.set(scoreKey(result.task, name), { value, scale, documents, ...(certainty && { certainty }) })
        else if (problem !== undefined) whyNot.set(result.task, problem)
      }
  } catch (error) {
    const reason = reasonOf(error)
    for (const { name } of tasks) if (!whyNot.has(name)) whyNot.set(name, reason)
  }
  return { scores, ...(blockSize !== undefined && { blockSize }) }
}

/** A task that cannot be run does not keep the others from it; what they answered alone is known when they run together. */
async function runWhatCan(
  tasks: readonly OpenTask[],
  run: (tasks: readonly OpenTask[]) => Promise<ScoredRun>,
  whyNot: Map<string, string>,
): Promise<ScoredRun> {
  try {
    return await run(tasks)
  } catch (error) {
    if (!(error instanceof UserError) || tasks.length === 1) throw error
    const can: OpenTask[] = []
    for (const task of tasks) {
      try {
        await run([task])
        can.push(task)
      } catch (error) {
        whyNot.set(task.name, reasonOf(error))
      }
    }
    if (can.length === 0) throw error
    return run(can)
  }
}

/** @throws what is no fault of model or data */
export function reasonOf(error: unknown): string {
  if (error instanceof UserError) return sentenceOf(error)
  throw error
}
