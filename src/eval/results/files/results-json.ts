/** The results of a run as one JSON file, in the keys and order of lmms-eval, and one more key of our own behind them. */

import type { Json } from "../../../checkpoint/json.js"
import type { RunRecord, TaskRecord } from "../../run/run-record.js"
import { resultKey } from "../../task/result-keys.js"
import { dateName, modelName } from "../names.js"
import type { MetricResult, TaskResult } from "../task-result.js"

export interface ScoredTask {
  record: TaskRecord
  result: TaskResult
  /** Of all samples (`SamplesFile.hash`). */
  hash: string
}

/** @param seed what the authors' draws begin with */
export function resultsJson(run: RunRecord, tasks: readonly ScoredTask[], seed: number): Json {
  const started = new Date(run.started)
  const seconds = (time: string) => new Date(time).getTime() / 1000
  const [start, end] = [seconds(run.started), seconds(run.ended ?? run.started)]
  const byTask = (of: (task: ScoredTask) => unknown): Json =>
    Object.fromEntries(tasks.map((task) => [task.result.task, of(task)]))
  return {
    results: byTask(({ result }) => resultsOf(result)),
    group_subtasks: byTask(() => []),
    configs: byTask(({ result, record }) => ({
      task: result.task,
      ...(record.data !== undefined && { dataset_path: record.data }),
      generation_kwargs: record.generation,
      filter: result.filter,
    })),
    versions: byTask(({ result }) => result.version),
    "n-shot": byTask(({ result }) => result.shots ?? 0),
    higher_is_better: byTask(({ result }) =>
      Object.fromEntries(result.metrics.map(({ name, higherIsBetter }) => [name, higherIsBetter])),
    ),
    "n-samples": byTask(({ result }) => result.documents),
    config: configOf(run, seed),
    git_hash: null,
    date: dateName(started),
    task_hashes: byTask(({ hash }) => hash),
    model_source: MODEL_SOURCE,
    model_name: run.model.name,
    model_name_sanitized: modelName(run.model.name),
    system_instruction: null,
    system_instruction_sha: null,
    fewshot_as_multiturn: false,
    chat_template: null,
    chat_template_sha: null,
    start_time: start,
    end_time: end,
    total_evaluation_time_seconds: String(end - start),
    diffusionvl: { run, tasks: byTask(({ result }) => ownOf(result)) },
  }
}

const MODEL_SOURCE = "diffusionvl"

/** Standard errors are those of lmms-eval, which has none of scores that are no plain means. */
function resultsOf(task: TaskResult): Json {
  return {
    alias: task.task,
    ...Object.fromEntries(
      task.metrics.flatMap(({ name, value, standardError }) => [
        [resultKey(task, name, "value"), value],
        [resultKey(task, name, "error"), standardError ?? "N/A"],
      ]),
    ),
    ...Object.fromEntries(
      task.unlisted.flatMap((name) => [
        [resultKey(task, name, "value"), []],
        [resultKey(task, name, "error"), []],
      ]),
    ),
  }
}

function configOf({ model, limit, given }: RunRecord, seed: number): Json {
  const values = { pretrained: model.name, dtype: model.dtype }
  const known = Object.entries(values).filter(([, value]) => value !== undefined)
  return {
    model: MODEL_SOURCE,
    model_args: known.map(([key, value]) => `${key}=${value}`).join(","),
    batch_size: 1,
    batch_sizes: [],
    device: model.device ?? null,
    use_cache: null,
    limit: limit ?? null,
    bootstrap_iters: 100_000,
    gen_kwargs: given,
    random_seed: seed,
    numpy_seed: 1234,
    torch_seed: 1234,
    fewshot_seed: 1234,
  }
}

/** What lmms-eval has no words for: how sure each score is, what could not be read, and how fast it was. */
function ownOf({ metrics, unlisted: _, submissions: __, ...rest }: TaskResult): Json {
  return { ...rest, metrics: Object.fromEntries(metrics.map(({ name, ...metric }) => [name, ownMetric(metric)])) }
}

function ownMetric({ certainty, ...metric }: Omit<MetricResult, "name">): Json {
  if (!certainty) return metric
  const { interval, ...rest } = certainty
  return { ...metric, certainty: { ...rest, interval95: [interval.low, interval.high] } }
}
