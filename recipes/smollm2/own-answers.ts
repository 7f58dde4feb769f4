/**
 * What the autoregressive model itself answers: the best data for a translation, whose aim is the same distribution, and
 * data of its authors is not published with it. Answers that did not end are left out. Kept one by one in a file.
 */

import { appendFileSync, existsSync, readFileSync } from "node:fs"
import type { Answerer } from "./answerer.js"
import type { Question } from "./sources.js"

interface Kept {
  question: string
  answer: string
  tokens: number
  ended: boolean
}

export interface OwnAnswers {
  /** Questions with their answers; those whose answer did not end are missing. */
  answered: Question[]
  unended: number
  tokens: number
}

/**
 * @param file JSONL; what is in it is not asked again
 * @throws the reason of `signal` when it is aborted
 */
export async function ownAnswers(
  questions: readonly Question[],
  file: string,
  open: () => Answerer,
  options: { maxTokens: number; signal?: AbortSignal; onAnswer?: (done: number, total: number) => void },
): Promise<OwnAnswers> {
  const kept = readKept(file)
  const missing = questions.filter(({ question }) => !kept.has(question))
  let done = questions.length - missing.length
  if (missing.length > 0)
    await open().answerAll(
      missing.map(({ question }) => question),
      {
        maxTokens: options.maxTokens,
        signal: options.signal,
        onAnswer: (index, { text, tokens, ended }) => {
          const { question } = missing[index]
          const answer = { question, answer: text, tokens, ended }
          appendFileSync(file, `${JSON.stringify(answer)}\n`)
          kept.set(question, answer)
          options.onAnswer?.(++done, questions.length)
        },
      },
    )
  const answers = questions.map((question) => kept.get(question.question) as Kept)
  const answered = questions.flatMap((question, i) =>
    answers[i].ended && answers[i].answer !== "" ? { ...question, answer: answers[i].answer } : [],
  )
  return {
    answered,
    unended: questions.length - answered.length,
    tokens: answers.reduce((sum, { tokens }) => sum + tokens, 0),
  }
}

function readKept(file: string): Map<string, Kept> {
  if (!existsSync(file)) return new Map()
  const lines = readFileSync(file, "utf8").split("\n")
  // The last line of a run that was killed may be half of one.
  const whole = lines.slice(0, -1).filter((line) => line !== "")
  return new Map(
    whole.flatMap((line): [string, Kept][] => {
      try {
        const kept = JSON.parse(line) as Kept
        return [[kept.question, kept]]
      } catch {
        return []
      }
    }),
  )
}
