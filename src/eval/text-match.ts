/** How alike two texts are by their characters. */

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

/** Relative error of a number that still counts as right. */
const TOLERANCE = 0.05

/** ChartQA's relaxed correctness (Masry et al. 2022): numbers within 5 % of a reference that is not 0, other texts but for case. */
export function isRelaxedlySame(answer: string, reference: string): boolean {
  const [a, b] = [numberIn(answer), numberIn(reference)]
  if (a !== undefined && b !== undefined && b !== 0) return Math.abs(a - b) / Math.abs(b) <= TOLERANCE
  return answer.trim().toLowerCase() === reference.trim().toLowerCase()
}

/** The number that a text is, as Python's float() reads it; 5% is 0.05. */
export function numberIn(text: string): number | undefined {
  const written = text.trim()
  const plain = written.replace(/%+$/, "")
  if (!/^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+)?$/i.test(plain.trim())) return undefined
  const value = Number(plain.replaceAll("_", ""))
  return plain === written ? value : value / 100
}

/** Whether the words of the reference stand in the answer, one after the other. */
export function contains(answer: string, reference: string): boolean {
  const words = normalised(reference)
  return words === "" ? answer.includes(reference.trim()) : ` ${normalised(answer)} `.includes(` ${words} `)
}

/** Whether the answer begins as the reference does, up to the end of its first sentence. */
export const beginsAlike = (answer: string, reference: string): boolean =>
  ` ${normalised(answer)} `.startsWith(` ${normalised(reference.split(". ")[0])} `)

/** The same number, thousands separated by commas or not; 5% is 0.05. */
export function isSameNumber(answer: string, reference: string): boolean {
  const [a, b] = [answer, reference].map((text) => numberIn(text.replace(/,(?=\d{3}(\D|$))/g, "")))
  return a !== undefined && b !== undefined && Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b))
}

/** How alike an answer and a reference are, 0 to 1, by the names that people ask for them by. */
export const ALIKE = {
  exact: { title: "exact", alike: isSame },
  relaxed: { title: "relaxed", alike: isRelaxedlySame },
  "word-f1": { title: "F1 of the words", alike: wordF1 },
  contains: { title: "contains", alike: contains },
  "first-sentence": { title: "first sentence", alike: beginsAlike },
  numeric: { title: "same number", alike: isSameNumber },
} as const satisfies Record<string, { title: string; alike: (answer: string, reference: string) => number | boolean }>

export type AlikeName = keyof typeof ALIKE

/** Of the reference that the answer is most like. */
export const mostAlike = (name: AlikeName, answer: string, references: readonly string[]): number =>
  references.reduce((most, reference) => Math.max(most, Number(ALIKE[name].alike(answer, reference))), 0)
