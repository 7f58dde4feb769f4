/** A whole run scored, with all its files written. `eval` ends with it, `eval rescore` is it. */

import { join } from "node:path"
import { explaining, writeJson } from "../../checkpoint/files.js"
import { makeFolder } from "../../make-folder.js"
import type { Documents } from "../documents/documents.js"
import { metricTools } from "../metric-tools.js"
import { writeRunReport } from "../report/run-report.js"
import { lockRun } from "../run/run-folder.js"
import type { RunRecord, TaskRecord } from "../run/run-record.js"
import { isIn } from "../run/selection.js"
import { pythonRandom } from "../task/python-random.js"
import type { MetricTools, Task } from "../task/task.js"
import { resultsJson } from "./files/results-json.js"
import { SamplesFile } from "./files/samples-file.js"
import { SUBMISSIONS_FOLDER, writeSubmissions } from "./files/submissions.js"
import { dateName, modelName, resultsName, samplesName } from "./names.js"
import { type Answers, type ScoredSample, scoreTask } from "./score-task.js"
import type { ScoredRun } from "./scored-run.js"
import { WrongAnswers } from "./wrong-answers.js"

/** A task of a run with all that scoring reads. */
export interface AnsweredTask {
  record: TaskRecord
  task: Task
  documents: Documents
  answers: Answers
}

export interface ScoreRunOptions {
  /** Where the files are written. */
  out: string
  /** @default BERTScore's encoder is what the environment names, or the paper's */
  tools?: MetricTools
  partial?: boolean
  /** Of the resampling. @default 0 */
  seed?: number
  resamples?: number
  /** Wrong answers of each task that are shown. @default 12 */
  wrong?: number
  signal?: AbortSignal
}

/** Of Python's generator, by the authors' program. */
const PYTHON_SEED = 0

/**
 * Results, samples and submissions of a run, and a page to look at.
 * @throws UserError as `scoreTask`; nothing is written of a task that has not all its answers
 */
export async function scoreRun(
  run: RunRecord,
  tasks: readonly AnsweredTask[],
  options: ScoreRunOptions,
): Promise<ScoredRun> {
  const name = modelName(run.model.name)
  const lock = await lockRun(options.out, [name, SUBMISSIONS_FOLDER])
  try {
    return await scoreInto(join(options.out, name), run, tasks, options)
  } finally {
    lock.release()
  }
}

async function scoreInto(
  folder: string,
  run: RunRecord,
  tasks: readonly AnsweredTask[],
  { out, wrong, signal, tools = metricTools({ signal }), ...others }: ScoreRunOptions,
): Promise<ScoredRun> {
  explaining(folder, () => makeFolder(folder))
  const date = dateName(new Date(run.started))
  const scored: ScoredRun["tasks"] = []
  const files: string[] = []
  for (const { task, record, documents, answers } of tasks) {
    const samples = await SamplesFile.create(join(folder, samplesName(date, task.name)), task, record.generation)
    const lookedAt = new WrongAnswers(task, wrong)
    // The authors' scripts run each task by itself: what a task scores does not depend on those beside it.
    const compat = run.compat ? { draw: pythonRandom(PYTHON_SEED) } : {}
    const onSample = async (sample: ScoredSample): Promise<void> => {
      lookedAt.add(sample)
      await samples.add(sample)
    }
    try {
      const includes = (index: number): boolean => isIn(index, run.shard)
      const result = await scoreTask(task, documents, answers, {
        ...others,
        signal,
        tools,
        compat,
        to: record.first,
        includes,
        onSample,
      })
      const { likelihood } = record
      scored.push({
        record,
        task,
        result: { ...result, ...(likelihood && { likelihood }) },
        hash: await samples.finish(),
        wrong: await lookedAt.shown(documents),
      })
    } catch (error) {
      await samples.abandon()
      throw error
    }
    files.push(samples.path, ...(await writeSubmissions(out, scored.at(-1)!.result.submissions)))
  }
  const results = join(folder, resultsName(date))
  await writeJson(results, resultsJson(run, scored, PYTHON_SEED))
  const done = { run, tasks: scored, files: [results, ...files] }
  return { ...done, files: [...done.files, await writeRunReport(out, done)] }
}
