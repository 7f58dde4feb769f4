/** How alike two texts are by their characters. */

/** Without differences of case, marks and blanks. */
export const normalised = (text: string): string =>
  text
    .toLowerCase()
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
function numberIn(text: string): number | undefined {
  const written = text.trim()
  const plain = written.replace(/%+$/, "")
  if (!/^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+)?$/i.test(plain.trim())) return undefined
  const value = Number(plain.replaceAll("_", ""))
  return plain === written ? value : value / 100
}
