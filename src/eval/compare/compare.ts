/** Several runs over the same documents: each beside the first one, document by document. */

import { existsSync } from "node:fs"
import { basename, join, relative, resolve } from "node:path"
import { UserError } from "../../errors.js"
import { modelTitle } from "../../readable.js"
import { isTaskFile, readTaskFile } from "../own-task/task-file.js"
import { MetricValues } from "../results/metric-values.js"
import { RUN_FILE, readRun } from "../run/run-record.js"
import type { ResamplingOptions } from "../statistics/resampling.js"
import type { MetricTools, Task, TaskMetric } from "../task/task.js"
import { findTasks } from "../tasks/index.js"
import { type DifferingSample, differingSamples } from "./differing-samples.js"
import { type Paired, paired } from "./paired.js"
import { type ComparedSample, readSamples, samplesFiles } from "./read-samples.js"

export interface CompareOptions extends ResamplingOptions {
  /** Metrics that need a model of their own are left out without. */
  tools?: MetricTools
}

export interface ComparedTask {
  task: string
  title: string
  /** Of the second run, that is compared with the first one. */
  run: number
  /** Documents that both answered, and those that each answered. */
  documents: { common: number; first: number; second: number }
  metrics: Paired[]
  /** Some that one got right and the other wrong. */
  samples: DifferingSample[]
}

export interface Comparison {
  /** Names of the runs, the one first that the others are compared with. */
  runs: { name: string; folder: string }[]
  tasks: ComparedTask[]
  /** Tasks that not all of them have. */
  left: string[]
}

/**
 * @param folders of runs that were scored; at least two
 * @throws UserError when they have no task in common, or other documents
 */
export async function compareRuns(folders: readonly string[], options: CompareOptions = {}): Promise<Comparison> {
  if (folders.length < 2) throw new UserError("there is nothing to compare it with", { fix: "give two runs or more" })
  const files = folders.map(samplesFiles)
  const names = namesOf(folders)
  const all = [...new Set(files.flatMap((each) => [...each.keys()]))]
  const common = all.filter((task) => files.every((each) => each.has(task)))
  if (common.length === 0)
    throw new UserError("the runs have no task in common", {
      fix: `they have ${files.map((each, i) => `${names[i]}: ${[...each.keys()].join(", ")}`).join("; ")}`,
    })
  const tasks: ComparedTask[] = []
  for (const name of common) {
    const task = taskOf(name, folders)
    const [first, ...others] = await Promise.all(files.map((each) => readSamples(each.get(name)!, task)))
    for (const [i, other] of others.entries()) {
      requireSame(first, other, `${name}: ${names[0]} and ${names[i + 1]}`)
      const samples = await differingSamples(task, [first, other], [files[0].get(name)!, files[i + 1].get(name)!])
      tasks.push({ ...(await comparedTask(task, i + 1, first, other, options)), samples })
    }
  }
  return {
    runs: folders.map((folder, i) => ({ name: names[i], folder })),
    tasks,
    left: all.filter((task) => !common.includes(task)),
  }
}

/** A benchmark, or a task of one's own whose file one of the runs names. */
function taskOf(name: string, folders: readonly string[]): Task {
  const files = folders
    .filter((folder) => existsSync(join(folder, RUN_FILE)))
    .flatMap((folder) => readRun(folder).tasks)
  for (const { task } of files) {
    const own = isTaskFile(task) ? readTaskFile(task) : undefined
    if (own?.name === name) return own
  }
  return findTasks([name])[0]
}

/** Of the models where that tells them apart, else of the folders. */
function namesOf(folders: readonly string[]): string[] {
  const models = folders.map((folder) => {
    try {
      return modelTitle(readRun(folder).model.name)
    } catch {
      return basename(resolve(folder))
    }
  })
  const areDifferent = new Set(models).size === models.length
  return areDifferent ? models : folders.map((folder) => relative(".", folder) || folder)
}

type Samples = ReadonlyMap<number, ComparedSample>
type Pair<T> = [T, T]

function requireSame(first: Samples, second: Samples, where: string): void {
  const common = [...first.keys()].filter((index) => second.has(index))
  if (common.length === 0) throw new UserError("the runs have answered no document in common", { where })
  const other = common.filter((index) => !isSame(first.get(index)!, second.get(index)!))
  if (other.length === 0) return
  throw new UserError(
    `the runs are over different documents: ${other.length} of ${common.length} with the same number differ, the first is document ${other[0]}`,
    { where, fix: "compare runs over the same data" },
  )
}

/** Where one has recorded no document, what is right tells: it is read from the same place, whatever was asked about it. */
const isSame = (a: ComparedSample, b: ComparedSample): boolean =>
  a.document !== undefined && b.document !== undefined ? a.document === b.document : a.target === b.target

async function comparedTask(
  task: Task,
  run: number,
  first: Samples,
  second: Samples,
  { tools, ...options }: CompareOptions,
): Promise<Omit<ComparedTask, "samples">> {
  const common = [...first.keys()].filter((index) => second.has(index)).sort((a, b) => a - b)
  const metrics: Paired[] = []
  for (const metric of task.metrics) {
    if (metric.unavailable !== undefined || (metric.prepare && !tools)) continue
    // Who has recorded no document cannot tell which belong together.
    const clusters = common.map((index) => first.get(index)!.cluster ?? second.get(index)!.cluster)
    const values = [first, second].map((samples) => valuesOf(metric, samples, common, clusters)) as Pair<MetricValues>
    if (values.some(({ values }) => values.length === 0)) continue
    const compared = await paired(values, { tools, ...options })
    if (compared.first !== null || compared.problem !== undefined) metrics.push(compared)
  }
  const documents = { common: common.length, first: first.size, second: second.size }
  return { task: task.name, title: task.title, run, documents, metrics }
}

function valuesOf(
  metric: TaskMetric,
  samples: Samples,
  indices: readonly number[],
  clusters: readonly (string | undefined)[],
): MetricValues {
  const of = new MetricValues(metric)
  for (const [i, index] of indices.entries()) {
    const { values } = samples.get(index)!
    if (metric.name in values) of.add(index, clusters[i], values[metric.name])
  }
  return of
}
