/** Golden cases of how scores are put together. */

import { pythonRandom } from "../../../../src/eval/task/python-random.js"
import { mean, standardError } from "../../../../src/eval/task/standard-error.js"
import type { Task } from "../../../../src/eval/task/task.js"
import { bestRescaledF } from "../../../../src/eval/tasks/detailcaps.js"
import { mmbenchAccuracies } from "../../../../src/eval/tasks/mmbench_en_dev.js"
import { letter } from "../../../../src/eval/tasks/parts/options.js"
import { expectNear, Mismatch } from "../../check.js"
import { isObject, type Json } from "../../json.js"
import { listIn, numberIn, type Stage, taskOf, textIn } from "./stage.js"

/** As the authors' program: what cannot be read is drawn. */
const AUTHORS = () => ({ draw: pythonRandom(0) })

export const AGGREGATE_STAGES: Readonly<Record<string, Stage>> = {
  aggregate(record) {
    const task = taskOf(record)
    const results = listIn(record, "results")
    if (!isObject(record.expected)) return metricOf(task, results).aggregate(results, AUTHORS())
    const names = Object.keys(record.expected)
    return Object.fromEntries(names.map((name) => [name, scoreOf(task, name, results as Json[])]))
  },
  circular_eval(record) {
    const results = listIn(record, "results")
    const accuracies = mmbenchAccuracies(results, AUTHORS())
    return { ...accuracies, gpt_eval_score: metricOf(taskOf(record), results).aggregate(results, AUTHORS()) }
  },
  mean_stderr: (record) => standardError(listIn(record, "values") as number[]),
  choice_sequence(record) {
    const random = pythonRandom(numberIn(record, "seed"))
    return (listIn(record, "sizes") as number[]).map((size) => letter(random.below(size)))
  },
  mmbench_fallback_sequence(record) {
    const random = pythonRandom(numberIn(record, "seed"))
    return Array.from({ length: numberIn(record, "count") }, () => random.choice([..."ABCDE"]))
  },
  bertscore_from_raw_f(record) {
    const score = mean((listIn(record, "raw_f") as number[][]).map(bestRescaledF))
    // Computed in float32 there.
    expectNear(score ?? Number.NaN, numberIn(record, "expected"), 1e-5, "score")
    return record.expected
  },
}

/** The metric of all values where a task has several; of those with one formula, any. */
function metricOf(task: Task, results: readonly unknown[]) {
  const over = task.metrics.find(({ name }) => name === "average" || name.endsWith("_all"))
  const [found] = over ? [over] : task.metrics
  if (results.length === 0 || !found) throw new Mismatch("nothing to put together")
  return found
}

/** Of a metric, from answers and golds. */
function scoreOf(task: Task, name: string, results: readonly Json[]): number | null {
  const metric = task.metrics.find((one) => one.name === name)
  if (!metric) throw new Mismatch(`${task.name} has no metric ${name}`)
  const values = results.flatMap((result) => {
    const text = textIn(result, "response")
    const found = task.count({ ...result, answer: result.gold }, { text }, AUTHORS()).values[name]
    return found === undefined ? [] : [found]
  })
  return metric.aggregate(values, AUTHORS())
}
