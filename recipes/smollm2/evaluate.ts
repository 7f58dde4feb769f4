/** Asks one model the held-out questions, in one way of decoding, and counts. */

import { isSame, wordF1 } from "../../src/eval/text-match.js"
import { mean } from "../shared/numbers.js"
import type { Answerer } from "./answerer.js"
import type { Answer } from "./answers.js"
import type { Decoding } from "./settings.js"
import type { Question } from "./sources.js"

export interface SetScores {
  set: string
  kind: Question["kind"]
  questions: number
  /** Share of generated answers that are right; for the model's own answers: the same words as without translation. */
  exact: number
  /** Mean F1 of the words of the generated and the reference answer. */
  wordF1: number
  /** Share of questions whose right choice is the likeliest whole answer. */
  choice?: number
  /** Mean over the questions of log p(answer) per token, ends included, in nats. */
  logLikelihood?: number
}

export interface Scores {
  sets: SetScores[]
  /** Of generated answers, up to and with their ends. */
  tokens: number
  forwards: number
  /** Share of answers that ended within the limit of tokens. */
  ended: number
}

export interface Transcript {
  set: string
  question: string
  reference: string
  answer: string
  right: boolean
}

export interface EvaluateOptions {
  decoding?: Decoding
  likelihood: boolean
  maxTokens: number
  signal?: AbortSignal
  onQuestion?: () => void
}

/** Questions of each set, from the front: all models are asked the same ones. */
export function firstOfEachSet(questions: readonly Question[], count = Number.POSITIVE_INFINITY): Question[] {
  const taken = new Map<string, number>()
  return questions.filter(({ set }) => {
    taken.set(set, (taken.get(set) ?? 0) + 1)
    return (taken.get(set) as number) <= count
  })
}

/** @throws the reason of `signal` when it is aborted */
export async function evaluate(
  answerer: Answerer,
  questions: readonly Question[],
  { decoding, likelihood, maxTokens, signal, onQuestion }: EvaluateOptions,
): Promise<{ scores: Scores; transcripts: Transcript[] }> {
  const answers = await answerer.answerAll(
    questions.map(({ question }) => question),
    { maxTokens, decoding, signal, onAnswer: () => onQuestion?.() },
  )
  const likely: (Likelihood | undefined)[] = []
  for (const question of questions) {
    signal?.throwIfAborted()
    likely.push(likelihood ? await likelihoodOf(answerer, question, decoding?.blockSize) : undefined)
    // Signals and timers are served between forwards.
    await new Promise((resolve) => setImmediate(resolve))
    if (likelihood) onQuestion?.()
  }
  const sets = [...new Set(questions.map(({ set }) => set))].map((set): SetScores => {
    const indices = questions.flatMap((question, i) => (question.set === set ? [i] : []))
    const choices = indices.flatMap((i) => likely[i]?.choice ?? [])
    const likelihoods = indices.flatMap((i) => likely[i]?.perToken ?? [])
    return {
      set,
      kind: questions[indices[0]].kind,
      questions: indices.length,
      exact: mean(indices.map((i) => Number(isSame(answers[i].text, questions[i].answer)))),
      wordF1: mean(indices.map((i) => wordF1(answers[i].text, questions[i].answer))),
      ...(choices.length > 0 && { choice: mean(choices) }),
      ...(likelihoods.length > 0 && { logLikelihood: mean(likelihoods) }),
    }
  })
  const total = (key: "tokens" | "forwards"): number => answers.reduce((sum, answer: Answer) => sum + answer[key], 0)
  return {
    scores: {
      sets,
      tokens: total("tokens"),
      forwards: total("forwards"),
      ended: mean(answers.map(({ ended }) => Number(ended))),
    },
    transcripts: questions.map(({ set, question, answer }, i) => ({
      set,
      question,
      reference: answer,
      answer: answers[i].text,
      right: isSame(answers[i].text, answer),
    })),
  }
}

interface Likelihood {
  perToken: number
  /** 1 when the right choice is the likeliest. */
  choice?: number
}

async function likelihoodOf(
  answerer: Answerer,
  { question, answer, choices }: Question,
  blockSize: number | undefined,
): Promise<Likelihood> {
  const answers = choices ?? [answer]
  const scores = await answerer.scores(question, answers, blockSize)
  const right = scores[answers.indexOf(answer)]
  const best = Math.max(...scores.map(({ logLikelihood }) => logLikelihood))
  return {
    perToken: right.logLikelihood / right.tokens,
    ...(choices && { choice: Number(right.logLikelihood === best) }),
  }
}
