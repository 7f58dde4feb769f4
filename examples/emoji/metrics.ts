/** How answers are judged: exact names, the chosen option, overlap of words. Strings in, numbers out. */

/** Lower case, no space around, no final stop: what counts as the same answer. */
function normaliseAnswer(text: string): string {
  return text.trim().toLowerCase().replace(/\s+/g, " ").replace(/\.$/, "")
}

export function isExact(answer: string, expected: string): boolean {
  return normaliseAnswer(answer) === normaliseAnswer(expected)
}

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []

/** F1 of the two bags of words. */
export function tokenF1(answer: string, expected: string): number {
  const counts = new Map<string, number>()
  for (const word of words(expected)) counts.set(word, (counts.get(word) ?? 0) + 1)
  const given = words(answer)
  let common = 0
  for (const word of given) {
    const left = counts.get(word) ?? 0
    if (left > 0) {
      common++
      counts.set(word, left - 1)
    }
  }
  return common === 0 ? 0 : (2 * common) / (given.length + words(expected).length)
}

/** Whether the words of `name` stand in `answer` as a whole phrase. */
export function mentions(answer: string, name: string): boolean {
  return ` ${words(answer).join(" ")} `.includes(` ${words(name).join(" ")} `)
}
