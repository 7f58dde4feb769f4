/** How alike two texts are by their characters. */

import { pythonFloat } from "./task/python-number.js"
import { strip, stripEnd } from "./task/python-text.js"

/** Without differences of case, marks and blanks; what makes a number negative is no mark. */
export const normalised = (text: string): string =>
  text
    .toLowerCase()
    .replace(/(?<![\p{L}\p{M}\p{N}])[-\u2212](?=[.,]?\p{N})/gu, "minus ")
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim()

/** Equal but for case, marks and blanks; what consists of marks alone, but for case and outer blanks. */
export function isSame(answer: string, reference: string): boolean {
  const words = normalised(reference)
  return words === "" ? answer.trim().toLowerCase() === reference.trim().toLowerCase() : normalised(answer) === words
}

/** F1 of the words two texts share, 0 to 1, each as often as it occurs. */
export function wordF1(answer: string, reference: string): number {
  const [a, b] = [answer, reference].map((text) => normalised(text).split(" ").filter(Boolean))
  if (a.length === 0 || b.length === 0) return Number(a.length === b.length)
  const left = new Map<string, number>()
  for (const word of b) left.set(word, (left.get(word) ?? 0) + 1)
  let shared = 0
  for (const word of a) {
    const count = left.get(word) ?? 0
    if (count > 0) shared++
    left.set(word, count - 1)
  }
  return (2 * shared) / (a.length + b.length)
}

/** Of the reference: a number that is off by so much still counts as right. */
const LARGEST_CHANGE = 0.05

/**
 * ChartQA's relaxed correctness (Masry et al. 2022): numbers near the reference's, unless that is 0; else the same text in either case.
 * Outer white space counts.
 */
export function isRelaxedCorrect(answer: string, reference: string): boolean {
  const [number, wanted] = [numberOf(answer), numberOf(reference)]
  if (number !== undefined && wanted !== undefined && wanted !== 0)
    return Math.abs(number - wanted) / Math.abs(wanted) <= LARGEST_CHANGE
  return answer.toLowerCase() === reference.toLowerCase()
}

/** The number that a text is, as Python's float() reads it; 5% is 0.05. */
function numberOf(text: string): number | undefined {
  if (!text.endsWith("%")) return pythonFloat(text)
  const percent = pythonFloat(stripEnd(text, "%"))
  return percent === undefined ? undefined : percent / 100
}

/** Whether the words of the reference stand in the answer, one after the other. */
export function contains(answer: string, reference: string): boolean {
  const words = normalised(reference)
  return words === "" ? answer.includes(reference.trim()) : ` ${normalised(answer)} `.includes(` ${words} `)
}

/** Whether the answer begins as the reference does, up to the end of its first sentence. */
const beginsAlike = (answer: string, reference: string): boolean =>
  ` ${normalised(answer)} `.startsWith(` ${normalised(reference.split(". ")[0])} `)

/** The same number, thousands separated by commas or not; 5% is 0.05. */
function isSameNumber(answer: string, reference: string): boolean {
  const [a, b] = [answer, reference].map((text) => numberOf(strip(text).replace(/,(?=\d{3}(\D|$))/g, "")))
  return a !== undefined && b !== undefined && Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b))
}

/** How alike an answer and a reference are, 0 to 1, by the names that people ask for them by. */
export const ALIKE = {
  exact: { title: "exact", alike: isSame },
  relaxed: { title: "relaxed", alike: (answer, reference) => isRelaxedCorrect(strip(answer), strip(reference)) },
  "word-f1": { title: "F1 of the words", alike: wordF1 },
  contains: { title: "contains", alike: contains },
  "first-sentence": { title: "first sentence", alike: beginsAlike },
  numeric: { title: "same number", alike: isSameNumber },
} as const satisfies Record<string, { title: string; alike: (answer: string, reference: string) => number | boolean }>

export type AlikeName = keyof typeof ALIKE

/** Of the reference that the answer is most like. */
export const mostAlike = (name: AlikeName, answer: string, references: readonly string[]): number =>
  references.reduce((most, reference) => Math.max(most, Number(ALIKE[name].alike(answer, reference))), 0)
