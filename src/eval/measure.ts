/** One model in one way of decoding: how good its answers are, and how fast it gives them. */

import type { Session } from "../generate/session.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import { AnswerFile, type KeptAnswer } from "./answer-file.js"
import { answerAll } from "./answers.js"
import type { NamedMetric } from "./metrics.js"
import type { Question } from "./questions.js"

export interface Score {
  /** Over the questions, 1 is perfect. */
  mean: number
  /** Standard error of the mean; 0 of a single question. */
  error: number
}

export interface Measured {
  questions: number
  /** By the names of the metrics. */
  scores: Record<string, Score>
  /** Of all answers, their ends included. */
  tokens: number
  /** Until each answer and its end were known. */
  forwards: number
  forwardsPerToken: number
  /** From the first question to the last answer, prompts and pictures included. */
  seconds: number
  tokensPerSecond: number
  /** Share of answers that ended within the limit of tokens. */
  ended: number
  /** In the order of the questions. */
  answers: string[]
}

export interface MeasureOptions {
  decoding: DecodingOptions
  metrics: readonly NamedMetric[]
  /** Answers that are decoded at the same time. */
  concurrent: number
  /** Where answers are kept: of this model, decoding and questions only. */
  file: string
  /** First line of that file. */
  about: object
  signal?: AbortSignal
  onAnswer?: (done: number) => void
}

/**
 * @param open opens the model; not called when all answers are known
 * @throws the reason of `signal` when it is aborted: the same call goes on behind the answers that are known
 */
export async function measure(
  open: () => Promise<Session>,
  questions: readonly Question[],
  options: MeasureOptions,
): Promise<Measured> {
  const { metrics, signal } = options
  const kept = new AnswerFile(options.file, options.about)
  const missing = [...questions.keys()].filter((index) => !kept.answers.has(index))
  if (missing.length > 0) await answer(await open(), questions, missing, kept, options)
  const answers = questions.map((_, index) => kept.answers.get(index) as KeptAnswer)
  const judged = answers.map(({ text }, index) => ({ answer: text, references: questions[index].references }))
  const scores: Measured["scores"] = {}
  for (const metric of metrics) scores[metric.name] = scoreOf(await metric.score(judged, signal))
  const total = (key: "tokens" | "forwards" | "seconds"): number => answers.reduce((sum, each) => sum + each[key], 0)
  const [tokens, forwards, seconds] = [total("tokens"), total("forwards"), total("seconds")]
  return {
    questions: questions.length,
    scores,
    tokens,
    forwards,
    forwardsPerToken: forwards / Math.max(1, tokens),
    seconds,
    tokensPerSecond: tokens / Math.max(1e-9, seconds),
    ended: answers.filter(({ ended }) => ended).length / answers.length,
    answers: answers.map(({ text }) => text),
  }
}

async function answer(
  session: Session,
  questions: readonly Question[],
  missing: readonly number[],
  kept: AnswerFile,
  { decoding, concurrent, signal, onAnswer }: MeasureOptions,
): Promise<void> {
  const requests = missing.map((index) => ({ ...questions[index], ...decoding, temperature: 0, signal }))
  // The first forwards set everything up: an answer that is not counted.
  for await (const _ of answerAll(session, requests.slice(0, 1), 1));
  let last = performance.now()
  for await (const { index, answer } of answerAll(session, requests, concurrent)) {
    const now = performance.now()
    kept.add({ index: missing[index], ...answer, seconds: (now - last) / 1000 })
    last = now
    onAnswer?.(kept.answers.size)
    signal?.throwIfAborted()
  }
}

function scoreOf(scores: readonly number[]): Score {
  const n = scores.length
  const mean = scores.reduce((sum, score) => sum + score, 0) / n
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / Math.max(1, n - 1)
  return { mean, error: Math.sqrt(variance / n) }
}
