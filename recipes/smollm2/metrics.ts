/** How right an answer is. */

import { normalised } from "./data.js"

/** Equal but for case, marks and blanks. */
export const isRight = (answer: string, reference: string): boolean => normalised(answer) === normalised(reference)

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

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

/** Standard error of a share of n. */
export const shareError = (share: number, n: number): number => Math.sqrt((share * (1 - share)) / Math.max(1, n))
