/** What is known of one way of decoding when it was scored: how good its answers are, and how fast they came. Plain data. */

import { notesOf } from "../results/printed.js"
import type { Answers } from "../results/score-task.js"
import type { ScoredRun } from "../results/scored-run.js"
import type { MetricResult } from "../results/task-result.js"
import type { KeptAnswer } from "../run/kept-answer.js"

/** A score of one of the tasks; a column of the report. */
export interface MeasuredScore extends Pick<MetricResult, "value" | "scale" | "documents" | "problem"> {
  task: string
  metric: string
  title: string
  standardError?: number
}

export interface Measured {
  documents: number
  /** By the metrics' names, behind the task's where there are several: "exact", "chartqa/relaxed_overall". */
  scores: Readonly<Record<string, MeasuredScore>>
  /** Of all answers, their ends included. */
  tokens: number
  /** Until each answer and its end were known. */
  forwards: number
  forwardsPerToken: number
  /** Answering them, prompts and pictures included. */
  seconds: number
  tokensPerSecond: number
  /** Share of answers that ended within the limit of tokens. */
  ended: number
  /** What was counted as wrong without being read, or answered, in sentences. */
  notes: readonly string[]
}

/** A task that was answered, and by whom each document was. */
interface AnsweredTask {
  answers: Answers & Pick<ReadonlyMap<number, KeptAnswer>, "values">
}

/** @param answered the tasks of the run, in its order */
export function measuredOf({ tasks }: Pick<ScoredRun, "tasks">, answered: readonly AnsweredTask[]): Measured {
  const answers = answered.flatMap(({ answers }) => [...answers.values()])
  const total = (key: "tokens" | "forwards" | "seconds"): number => answers.reduce((sum, each) => sum + each[key], 0)
  const [tokens, forwards, seconds] = [total("tokens"), total("forwards"), total("seconds")]
  const scores = tasks.flatMap(({ task, result }) =>
    task.metrics.flatMap(({ name, title = name, unavailable }): [string, MeasuredScore][] => {
      const found = result.metrics.find((metric) => metric.name === name)
      if (!found || unavailable !== undefined) return []
      const { value, scale, documents, problem, certainty, standardError } = found
      const error = certainty?.standardError ?? standardError
      const about = { task: task.name, metric: name, title: tasks.length > 1 ? `${task.name}, ${title}` : title }
      return [
        [
          tasks.length > 1 ? `${task.name}/${name}` : name,
          {
            ...{ ...about, value, scale, documents },
            ...(error !== undefined && { standardError: error }),
            ...(problem !== undefined && { problem }),
          },
        ],
      ]
    }),
  )
  return {
    documents: answers.length,
    scores: Object.fromEntries(scores),
    tokens,
    forwards,
    forwardsPerToken: forwards / Math.max(1, tokens),
    seconds,
    tokensPerSecond: tokens / Math.max(1e-9, seconds),
    ended: answers.filter(({ ended }) => ended).length / Math.max(1, answers.length),
    notes: notesOf(tasks.map(({ result }) => result)),
  }
}
