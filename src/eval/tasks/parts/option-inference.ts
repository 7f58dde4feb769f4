/** MMBench's reading of an answer: a letter that stands alone, or the text of an option (docs/evaluation.md 7.6). */

import { words } from "../../task/python-text.js"

const LETTERS = ["A", "B", "C", "D", "E"]
/** What may stand around a letter, in the order in which it is looked for. */
const DECORATIONS = [
  ...[
    ["", "."],
    ["", ","],
    ["", ":"],
    ["", ")"],
    ["", ")."],
    ["(", ")"],
    ["(", ")."],
  ],
  ...[
    [":", ""],
    [":", ","],
    [":", "."],
    [":", ")"],
    [":", ")."],
  ],
] as const
const JUDGE_FAILED = "Failed to obtain answer via API"

/**
 * @param options by letter, A to D; those that are absent have no text
 * @returns the letter, undefined where none can be inferred
 */
export function inferOption(answer: string, options: Readonly<Record<string, string>>): string | undefined {
  return inferLetter(answer) ?? inferText(answer, options)
}

function inferLetter(answer: string): string | undefined {
  if (answer.includes(JUDGE_FAILED)) return undefined
  const found = words(answer)
  const tokens = new Set(found)
  const only = (before: string, after: string): string | undefined => {
    const letters = LETTERS.filter((letter) => tokens.has(before + letter + after))
    return letters.length === 1 ? letters[0] : undefined
  }
  const bare = only("", "")
  // In a sentence, A is the article.
  if (bare !== undefined && !(bare === "A" && found.length > 3)) return bare
  for (const [before, after] of DECORATIONS) {
    const decorated = only(before, after)
    if (decorated !== undefined) return decorated
  }
  return undefined
}

function inferText(answer: string, options: Readonly<Record<string, string>>): string | undefined {
  const lower = answer.toLowerCase()
  const found = Object.entries(options).filter(([, text]) => lower.includes(text.toLowerCase()))
  return found.length === 1 ? found[0][0] : undefined
}
