/** One model in one way of decoding: how good its answers are, and how fast it gives them. */

import { statSync } from "node:fs"
import { cpus } from "node:os"
import { explaining } from "../checkpoint/files.js"
import type { Session } from "../generate/session.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import type { Device, DType } from "../torch/index.js"
import { AnswerFile } from "./answer-file.js"
import { type Answer, type AnswerRequest, answerAll } from "./answers.js"
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
  /** Answering them, prompts and pictures included. */
  seconds: number
  tokensPerSecond: number
  /** Share of answers that ended within the limit of tokens. */
  ended: number
  /** In the order of the questions. */
  answers: string[]
}

export interface MeasureOptions {
  /** What the model is called, and what is in it: `fingerprintOf`. */
  model: string
  fingerprint: string
  /** What it computes in, and where. */
  dtype: DType
  device: Device
  decoding: DecodingOptions
  metrics: readonly NamedMetric[]
  /** Answers that are decoded at the same time. */
  concurrent: number
  /** Answers are kept in this folder, in a file whose name begins so. */
  folder: string
  key: string
  signal?: AbortSignal
  /**
   * @param seconds since the answer before it
   * @param done answers that are known
   */
  onAnswer?: (seconds: number, done: number) => void
}

/** A line of the answers' file. */
export interface MeasuredAnswer extends Answer {
  /** Which question it is to. */
  index: number
  /** Seconds since the answer before it, or since the first question was asked. */
  seconds: number
}

/** Goes on behind the answers that are known already. */
export class Measurement {
  readonly #questions: readonly Question[]
  readonly #options: MeasureOptions
  readonly #kept: AnswerFile<MeasuredAnswer>

  constructor(questions: readonly Question[], options: MeasureOptions) {
    this.#questions = questions
    this.#options = options
    const { model, fingerprint, decoding, concurrent, dtype, device, folder, key } = options
    const how = { decoding, concurrent, dtype, device, processor: cpus()[0]?.model }
    // Not where the model lies.
    const dependsOn = [fingerprint, how, questions.map(identityOf)]
    this.#kept = new AnswerFile({ folder, key, dependsOn, about: { model, ...how } })
  }

  /** Answers that are known. */
  get done(): number {
    return this.#kept.answers.size
  }

  /** An answer that does not count: the first forwards of a model set everything up. */
  async warmUp(session: Session): Promise<void> {
    for await (const _ of answerAll(session, [this.#request(0)], 1));
  }

  /**
   * Begins with nothing that the session has kept, so that ways of decoding which answer the same questions in turns can be
   * compared; what its own prompts share is computed once.
   * @param most answers that are asked for now
   * @throws the reason of `signal` when it is aborted
   */
  async answer(session: Session, most: number): Promise<void> {
    const { concurrent, signal, onAnswer } = this.#options
    const missing = [...this.#questions.keys()].filter((index) => !this.#kept.answers.has(index)).slice(0, most)
    const requests = missing.map((index) => this.#request(index))
    session.executor.clear()
    let last = performance.now()
    for await (const { index, answer } of answerAll(session, requests, concurrent)) {
      const now = performance.now()
      const seconds = (now - last) / 1000
      this.#kept.add({ index: missing[index], ...answer, seconds })
      last = now
      onAnswer?.(seconds, this.done)
      signal?.throwIfAborted()
    }
  }

  /** Of all questions, which must be answered. */
  async result(): Promise<Measured> {
    const { metrics, signal } = this.#options
    const answers = this.#questions.map((_, index) => this.#kept.answers.get(index) as MeasuredAnswer)
    const judged = answers.map(({ text }, index) => ({ answer: text, references: this.#questions[index].references }))
    const scores: Measured["scores"] = {}
    for (const metric of metrics) scores[metric.name] = scoreOf(await metric.score(judged, signal))
    const total = (key: "tokens" | "forwards" | "seconds"): number => answers.reduce((sum, each) => sum + each[key], 0)
    const [tokens, forwards, seconds] = [total("tokens"), total("forwards"), total("seconds")]
    return {
      questions: answers.length,
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

  #request(index: number): AnswerRequest {
    const { decoding, signal } = this.#options
    return { ...this.#questions[index], ...decoding, temperature: 0, signal }
  }
}

/** What an answer depends on. */
function identityOf({ messages, images }: Question): unknown {
  const pictures = images.map((image) => {
    const { size, mtimeMs } = explaining(image, () => statSync(image))
    return [image, size, mtimeMs]
  })
  return [messages, pictures]
}

/**
 * All questions, one after the other.
 * @param open opens the model; not called when all answers are known
 * @throws the reason of `signal` when it is aborted: the same call goes on behind the answers that are known
 */
export async function measure(
  open: () => Session | Promise<Session>,
  questions: readonly Question[],
  options: MeasureOptions,
): Promise<Measured> {
  const measurement = new Measurement(questions, options)
  if (measurement.done < questions.length) {
    const session = await open()
    await measurement.warmUp(session)
    await measurement.answer(session, questions.length)
  }
  return measurement.result()
}

function scoreOf(scores: readonly number[]): Score {
  const n = scores.length
  const mean = scores.reduce((sum, score) => sum + score, 0) / n
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / Math.max(1, n - 1)
  return { mean, error: Math.sqrt(variance / n) }
}
