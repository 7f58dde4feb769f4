/** MMBench's score: a question is right when it is with its options in every order (docs/evaluation.md 7.6). */

import { type PythonRandom, pythonRandom } from "../../task/python-random.js"
import type { Compat } from "../../task/task.js"
import { inferOption } from "./option-inference.js"
import { grouped } from "./shares.js"

export interface CircularRow {
  /** Rows of a question have equal indices below a million. */
  index: number
  answer: string
  prediction: string
  /** By letter, A to D. */
  options: Readonly<Record<string, string>>
}

/** Of a question, and its row with an index below a million. */
export interface CircularHit<R> {
  row: R
  isRight: boolean
}

const TURN = 1_000_000
/** What the authors' code seeds its generator with before it draws. */
const SEED = 2680
const DRAWN = ["A", "B", "C", "D", "E"]

/** Whatever the order of the rows. */
export const questionOf = (index: number): number => ((index % TURN) + TURN) % TURN

/** Rows are scored again and again by resampling. */
const known = new WeakMap<CircularRow, string | undefined>()

/** The letter of a row's answer. */
export function inferred(row: CircularRow): string | undefined {
  if (!known.has(row)) known.set(row, inferOption(row.prediction, row.options))
  return known.get(row)
}

/** @returns questions by their index */
export function circularHits<R extends CircularRow>(rows: readonly R[], { draw }: Compat): CircularHit<R>[] {
  const sorted = [...rows].sort((a, b) => a.index - b.index)
  const random = draw && pythonRandom(SEED)
  const nameOf = ({ index }: R): string => String(questionOf(index))
  const questions = grouped(sorted, nameOf)
  const golds = new Map(sorted.map(({ index, answer }) => [index, answer]))
  const scored = new Map<number, boolean>()
  return sorted
    .filter(({ index }) => index < TURN)
    .map((row) => {
      const isRight = scored.get(row.index) ?? isQuestionRight(questions.get(nameOf(row))!, golds, random)
      scored.set(row.index, isRight)
      return { row, isRight }
    })
}

/** First all rows that can be read, then the others: where the authors' judge cannot be asked, a letter is drawn for them. */
function isQuestionRight(
  rows: readonly CircularRow[],
  golds: ReadonlyMap<number, string>,
  random: PythonRandom | undefined,
): boolean {
  const undecided: CircularRow[] = []
  for (const row of rows) {
    const letter = inferred(row)
    if (letter === undefined) undecided.push(row)
    else if (letter !== golds.get(row.index)) return false
  }
  return undecided.every((row) => random !== undefined && random.choice(DRAWN) === golds.get(row.index))
}
