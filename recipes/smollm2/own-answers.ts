/**
 * What the autoregressive model itself answers: the best data for a translation, whose aim is the same distribution, and
 * data of its authors is not published with it. Answers that did not end are left out. Kept one by one in a file.
 */

import { AnswerFile } from "../../src/eval/answer-file.js"
import type { Answerer } from "./answerer.js"
import type { Answer } from "./answers.js"
import type { Question } from "./sources.js"

export interface OwnAnswers {
  /** Questions with their answers; those whose answer did not end are missing. */
  answered: Question[]
  unended: number
  tokens: number
}

export interface OwnAnswerOptions {
  /** Answers are kept there: what is known is not asked again. */
  folder: string
  /** The model and how it reads, which the answers depend on. */
  dependsOn: unknown
  open: () => Answerer
  maxTokens: number
  signal?: AbortSignal
  onAnswer?: (done: number, total: number) => void
}

/** @throws the reason of `signal` when it is aborted */
export async function ownAnswers(
  questions: readonly Question[],
  { folder, dependsOn, open, maxTokens, signal, onAnswer }: OwnAnswerOptions,
): Promise<OwnAnswers> {
  const texts = questions.map(({ question }) => question)
  const kept = new AnswerFile<Answer & { index: number }>({
    folder,
    key: "own-answers",
    dependsOn: [dependsOn, maxTokens, texts],
    about: { maxTokens },
  })
  const missing = [...questions.keys()].filter((index) => !kept.answers.has(index))
  if (missing.length > 0)
    await open().answerAll(
      missing.map((index) => texts[index]),
      {
        maxTokens,
        signal,
        onAnswer(index, answer) {
          kept.add({ index: missing[index], ...answer })
          onAnswer?.(kept.answers.size, questions.length)
        },
      },
    )
  const answers = questions.map((_, index) => kept.answers.get(index) as Answer)
  const answered = questions.flatMap((question, i) =>
    answers[i].ended && answers[i].text !== "" ? { ...question, answer: answers[i].text } : [],
  )
  return {
    answered,
    unended: questions.length - answered.length,
    tokens: answers.reduce((sum, { tokens }) => sum + tokens, 0),
  }
}
