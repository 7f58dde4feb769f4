/** Asks a model the held-out questions and counts. Knows models only as something that answers and scores. */

import type { EmojiRecord } from "./data/records.js"
import { isExact, mentions, tokenF1 } from "./metrics.js"
import type { Evaluation, TaskResult } from "./report/demo-report-data.js"

export interface Answer {
  text: string
  /** Tokens up to and with the first end-of-sequence token. */
  tokens: number
  /** Forwards of the language model until the answer and its end were known. */
  forwards: number
  /** Time of decoding, prompt included. */
  seconds: number
}

/** A model under evaluation, with its way of decoding. */
export interface Answerer {
  answer(record: EmojiRecord): Promise<Answer>
  /** Log-likelihood of each option as the whole answer. */
  scores(record: EmojiRecord, options: readonly string[]): Promise<number[]>
}

export type Scores = Pick<Evaluation, "name" | "choose" | "describe">

export interface Transcript {
  record: EmojiRecord
  text: string
  right: boolean
}

export interface EvaluateOptions {
  /** Score the options of multiple choice as well. @default true */
  likelihood?: boolean
  signal?: AbortSignal
  onAnswer?: () => void
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Scores of the tasks among the records; a task that is not asked is missing. */
export async function evaluate(
  answerer: Answerer,
  records: readonly EmojiRecord[],
  { likelihood = true, signal, onAnswer }: EvaluateOptions = {},
): Promise<{ scores: Scores; transcripts: Transcript[] }> {
  const transcripts: Transcript[] = []
  const scores: Scores = {}
  for (const task of ["name", "choose", "describe"] as const) {
    const asked = records.filter((record) => record.task === task)
    if (asked.length === 0) continue
    const answers: Answer[] = []
    const likely: number[] = []
    for (const record of asked) {
      signal?.throwIfAborted()
      const answer = await answerer.answer(record)
      answers.push(answer)
      const right = task === "describe" ? mentions(answer.text, record.concept) : isExact(answer.text, record.answer)
      transcripts.push({ record, text: answer.text, right })
      if (record.options && likelihood) {
        const options = await answerer.scores(record, record.options)
        likely.push(Number(record.options[options.indexOf(Math.max(...options))] === record.answer))
      }
      onAnswer?.()
    }
    const rights = mean(transcripts.slice(-asked.length).map(({ right }) => Number(right)))
    const result = taskResult(answers)
    if (task === "name") scores.name = { ...result, exact: rights }
    else if (task === "choose")
      scores.choose = { ...result, greedy: rights, ...(likely.length > 0 && { likelihood: mean(likely) }) }
    else
      scores.describe = {
        ...result,
        tokenF1: mean(answers.map(({ text }, i) => tokenF1(text, asked[i].answer))),
        nameInside: rights,
      }
  }
  return { scores, transcripts }
}

function taskResult(answers: readonly Answer[]): TaskResult {
  const total = (key: "tokens" | "forwards"): number => answers.reduce((sum, answer) => sum + answer[key], 0)
  return {
    questions: answers.length,
    forwardsPerToken: total("forwards") / Math.max(total("tokens"), 1),
  }
}

/** The same number of questions of every task, from the front, so that all models answer the same ones. */
export function firstOfEachTask(
  records: readonly EmojiRecord[],
  perTask: number,
  tasks: readonly EmojiRecord["task"][] = ["name", "choose", "describe"],
): EmojiRecord[] {
  return tasks.flatMap((task) => records.filter((record) => record.task === task).slice(0, perTask))
}
