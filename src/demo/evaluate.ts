/** Asks a model the held-out questions and counts. Knows models only as something that answers and scores. */

import type { EmojiRecord } from "./data/records.js"
import { isExact, mentions, tokenF1 } from "./metrics.js"

export interface Answer {
  text: string
  /** Tokens before the end. */
  tokens: number
  /** Forwards of the language model until the answer and its end were known. */
  forwards: number
  /** The whole call, prompt and picture included. */
  seconds: number
}

/** A model under evaluation, with its way of decoding. */
export interface Answerer {
  answer(record: EmojiRecord): Promise<Answer>
  /** Log-likelihood of each option as the whole answer. */
  scores(record: EmojiRecord, options: readonly string[]): Promise<number[]>
}

/** Rates are parts of 1; undefined where no such question was asked. */
export interface Scores {
  questions: number
  nameExact?: number
  chooseExact?: number
  chooseLikelihood?: number
  describeF1?: number
  describeMentions?: number
  /** Answer tokens per second over all answers, prompts included. */
  tokensPerSecond: number
  /** Over all answers, counted up to the end of each. */
  forwardsPerToken: number
}

export interface Transcript {
  record: EmojiRecord
  answer: string
}

export interface EvaluateOptions {
  /** Score the options of multiple choice as well. @default true */
  likelihood?: boolean
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

const mean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length

export async function evaluate(
  answerer: Answerer,
  records: readonly EmojiRecord[],
  { likelihood = true, signal, onProgress }: EvaluateOptions = {},
): Promise<{ scores: Scores; transcripts: Transcript[] }> {
  const marks: Record<"name" | "choose" | "likelihood" | "f1" | "mentions", number[]> = {
    name: [],
    choose: [],
    likelihood: [],
    f1: [],
    mentions: [],
  }
  const transcripts: Transcript[] = []
  let [tokens, forwards, seconds] = [0, 0, 0]
  for (const [i, record] of records.entries()) {
    signal?.throwIfAborted()
    const answer = await answerer.answer(record)
    tokens += answer.tokens
    forwards += answer.forwards
    seconds += answer.seconds
    transcripts.push({ record, answer: answer.text })
    if (record.task === "describe") {
      marks.f1.push(tokenF1(answer.text, record.answer))
      marks.mentions.push(Number(mentions(answer.text, record.concept)))
    } else {
      marks[record.task].push(Number(isExact(answer.text, record.answer)))
    }
    if (record.options && likelihood) {
      const scores = await answerer.scores(record, record.options)
      marks.likelihood.push(Number(record.options[scores.indexOf(Math.max(...scores))] === record.answer))
    }
    onProgress?.(i + 1, records.length)
  }
  return {
    scores: {
      questions: records.length,
      nameExact: mean(marks.name),
      chooseExact: mean(marks.choose),
      chooseLikelihood: mean(marks.likelihood),
      describeF1: mean(marks.f1),
      describeMentions: mean(marks.mentions),
      tokensPerSecond: tokens / Math.max(seconds, 1e-9),
      forwardsPerToken: forwards / Math.max(tokens, 1),
    },
    transcripts,
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
