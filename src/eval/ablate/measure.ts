/** One model, decoded in several ways: each is a run of its own, and they are answered in turns. */

import { join } from "node:path"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { Subject } from "../answerer/subject.js"
import { scoreRun } from "../results/score-run.js"
import { type Evaluated, type EvaluateOptions, type OpenRun, openRun } from "../run/evaluate.js"
import type { KeptAnswer } from "../run/kept-answer.js"
import type { OpenTask } from "../run/open-tasks.js"
import type { MetricTools } from "../task/task.js"
import { type Measured, measuredOf } from "./measured.js"

export interface Way {
  /** The name of its run's folder. */
  key: string
  decoding: DecodingOptions
}

export interface MeasureOptions extends Pick<EvaluateOptions, "limit" | "compat" | "command" | "signal"> {
  tasks: readonly OpenTask[]
  /** Of the runs: each is what `eval` would have written. */
  folder: string
  /** Answers that are decoded at the same time. */
  concurrent: number
  /** What scores are computed with. */
  tools?: MetricTools
  /** @param known answers of all ways that are there already, of `total` */
  onBegin?: (known: number, total: number) => void
  /** @param done answers of all ways, of `total` */
  onAnswer?: (way: number, answer: KeptAnswer, done: number, total: number) => void
}

export interface MeasuredWay {
  /** Of the run. */
  folder: string
  measured: Measured
  /** Of each task, by document. */
  answers: Evaluated["tasks"][number]["answers"][]
}

/** Rounds in which the ways are measured, at most. */
const ROUNDS = 4

/**
 * In turns, so that their speeds can be compared on a machine whose load changes, and each turn begins with nothing known from the
 * one before. Stopped at any moment, the same call goes on behind the answers that are kept.
 * @throws the reason of `signal` when it is aborted
 */
export async function measureInTurns(
  subject: Subject,
  ways: readonly Way[],
  { folder, tools, onBegin, onAnswer, ...options }: MeasureOptions,
): Promise<MeasuredWay[]> {
  const runs: OpenRun[] = []
  const known = (): number => runs.reduce((sum, { total, missing }) => sum + total - missing, 0)
  let [done, total] = [0, 0]
  try {
    for (const [i, { key, decoding }] of ways.entries()) {
      const answered = (_: unknown, answer: KeptAnswer): void => onAnswer?.(i, answer, ++done, total)
      const out = join(folder, key)
      runs.push(await openRun({ ...options, subject, decoding, out, timed: true, observer: { answered } }))
    }
    total = runs.reduce((sum, run) => sum + run.total, 0)
    done = known()
    onBegin?.(done, total)
    if (done < total) await answerInTurns(subject, runs, options.concurrent)
    const found: MeasuredWay[] = []
    for (const [i, run] of runs.entries()) {
      const { record, tasks } = await run.end()
      // Scoring holds the folder itself.
      run.close()
      const out = join(folder, ways[i].key)
      const answered = tasks.map(({ open, record, answers }) => ({ ...open, record, answers }))
      const scored = await scoreRun(record, answered, { out, signal: options.signal, ...(tools && { tools }) })
      found.push({ folder: out, measured: measuredOf(scored, tasks), answers: tasks.map(({ answers }) => answers) })
    }
    return found
  } finally {
    for (const run of runs) run.close()
  }
}

async function answerInTurns(subject: Subject, runs: readonly OpenRun[], concurrent: number): Promise<void> {
  const answerer = await subject.open()
  await runs.find(({ missing }) => missing > 0)?.warmUp(answerer)
  while (runs.some(({ missing }) => missing > 0))
    for (const run of runs) {
      if (run.missing === 0) continue
      answerer.forget?.()
      await run.answer(answerer, Math.max(2 * concurrent, Math.ceil(run.total / ROUNDS)))
    }
}
