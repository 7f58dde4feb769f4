/** MMMU's reading of an answer in free words, and when it is right (docs/evaluation.md 7.1). */

import { pythonFloat, pythonRound } from "../../task/python-number.js"
import { BOUNDARY, DIGIT, lengthOf, strip } from "../../task/python-text.js"

/** A text, or a number rounded to two decimals. */
export type OpenValue = string | number

/** What the answer stands behind. */
const INDICATORS = ["could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result "]
const TRIVIAL = new Set([":", ",", ".", "!", "?", ";", "'"])

const EXPONENT = `[eE][+-]?${DIGIT}+`
const NUMBERS = [
  `-?${BOUNDARY}${DIGIT}{1,3}(?:,${DIGIT}{3})+${BOUNDARY}`,
  `-?${DIGIT}+(?:\\.${DIGIT}+)?${EXPONENT}`,
  `-?(?:${DIGIT}+\\.${DIGIT}+|\\.${DIGIT}+|${DIGIT}+${BOUNDARY})(?!${EXPONENT})(?![,\\p{Nd}])`,
].map((pattern) => new RegExp(pattern, "gu"))

/** Everything the answer may say, without doubles. */
export function readOpenAnswer(answer: string): OpenValue[] {
  const responses = keyResponses(strip(strip(answer), ".").toLowerCase())
  const numbers = responses.flatMap((response) => NUMBERS.flatMap((pattern) => response.match(pattern) ?? []))
  return [...new Set([...responses, ...numbers].flatMap(normalised))]
}

/** The ends of the lines behind a word such as "answer", else the whole text. */
function keyResponses(text: string): string[] {
  const lines = text.split("\n")
  const found = lines.flatMap((line, i) => {
    const indicators = i === lines.length - 1 ? [...INDICATORS, "="] : INDICATORS
    let shortest = ""
    for (const indicator of indicators) {
      const at = line.lastIndexOf(indicator)
      if (at < 0) continue
      const tail = strip(line.slice(at + indicator.length))
      // An empty one is replaced by whatever comes next.
      if (shortest === "" || lengthOf(tail) < lengthOf(shortest)) shortest = tail
    }
    return shortest === "" || TRIVIAL.has(shortest) ? [] : [shortest]
  })
  return found.length > 0 ? found : [text]
}

/** A number, rounded, or the text in small letters; a single character with a space at either side. */
export function normalised(text: string): OpenValue[] {
  const stripped = strip(text)
  const number = pythonFloat(stripped.replaceAll(",", ""))
  if (number !== undefined) return [pythonRound(number, 2)]
  const lower = stripped.toLowerCase()
  return lengthOf(lower) === 1 ? [` ${lower}`, `${lower} `] : [lower]
}

/**
 * Whether any text contains a text of the gold, or any number equals one of its.
 * @param gold a text, or several that are as good
 */
export function isOpenAnswerRight(gold: string | readonly string[], values: readonly OpenValue[]): boolean {
  const golds = [gold].flat().flatMap(normalised)
  return values.some((value) =>
    golds.some((one) =>
      typeof value === "string"
        ? typeof one === "string" && value.includes(one)
        : typeof one === "number" && one === value,
    ),
  )
}
