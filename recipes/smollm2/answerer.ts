/** A model that answers many questions at once, and says how likely given answers are. The one file that knows how decoding is called. */

import { decode } from "../../src/generate/generate.js"
import { preparePrompt } from "../../src/generate/prepare.js"
import { type AnswerScore, scoreAnswers } from "../../src/generate/score.js"
import { loadSession, type Session } from "../../src/generate/session.js"
import type { DecodeEvent } from "../../src/paradigms/decode-events.js"
import type { Prompt } from "../../src/paradigms/prompt.js"
import type { Message } from "../../src/text/conversation.js"
import { type Answer, answerAll } from "./answers.js"
import type { Decoding, Dtype } from "./settings.js"

export interface AnswerOptions {
  maxTokens: number
  /** For block-diffusion models. */
  decoding?: Decoding
  signal?: AbortSignal
  /** Told each answer when it is done, in any order. */
  onAnswer?: (index: number, answer: Answer) => void | Promise<void>
}

/** Answers that are decoded at the same time. Decoding is exact: in float32 a question gets the same answer alone. */
const AT_ONCE = 64

export class Answerer {
  readonly #session: Session
  readonly #system: string

  /** @param system the system message of every conversation */
  constructor(folder: string, { system, dtype }: { system: string; dtype: Dtype }) {
    this.#session = loadSession(folder, { dtype })
    this.#system = system
  }

  get parameters(): number {
    return [...this.#session.model.parameters().values()].reduce((sum, { size }) => sum + size, 0)
  }

  /**
   * Greedy answers, in the order of the questions.
   * @throws the reason of `signal` when it is aborted
   */
  async answerAll(questions: readonly string[], options: AnswerOptions): Promise<Answer[]> {
    const { maxTokens, decoding, signal } = options
    const requests = questions.map((question) => ({
      messages: this.#messages(question),
      temperature: 0,
      maxTokens,
      ...decoding,
      signal,
    }))
    const answers: Answer[] = new Array(questions.length)
    for await (const { index, answer } of answerAll(this.#session, requests, AT_ONCE)) {
      answers[index] = answer
      await options.onAnswer?.(index, answer)
      signal?.throwIfAborted()
    }
    return answers
  }

  /** The decoder's events, for showing how an answer comes about. Forwards of answers under way are computed together. */
  async *events(
    question: string,
    { maxTokens, decoding, signal }: AnswerOptions,
  ): AsyncGenerator<DecodeEvent, void, undefined> {
    const prompt = await this.#prompt(question)
    yield* decode(this.#session, prompt, { temperature: 0, maxTokens, ...decoding, signal })
  }

  /** Log-likelihoods of whole answers, their ends included. */
  async scores(question: string, answers: readonly string[], blockSize?: number): Promise<AnswerScore[]> {
    return scoreAnswers(this.#session, await this.#prompt(question), answers, { blockSize })
  }

  /** A token as text. */
  token(id: number): string {
    return this.#session.tokenizer.decode(Int32Array.of(id))
  }

  /** Tokens of a text. */
  count(text: string): number {
    return this.#session.tokenizer.encode(text).length
  }

  #prompt(question: string): Promise<Prompt> {
    return preparePrompt(this.#session, this.#messages(question))
  }

  #messages(question: string): Message[] {
    return [
      { role: "system", content: this.#system },
      { role: "user", content: question },
    ]
  }
}
