/** MMMU's reading of an answer to a question with options (docs/evaluation.md 7.1). */

import { pythonText } from "../../task/python-literal.js"
import { strip, words } from "../../task/python-text.js"
import { letter } from "./options.js"

/** Taken away at both ends, one after the other. */
const STRIPPED = [",", ".", "!", "?", ";", ":", "'"]

/**
 * The letter of the option that an answer means; undefined where the authors' code draws one.
 * @param options their texts, which the answer may quote
 */
export function readChoice(answer: string, options: readonly unknown[]): string | undefined {
  const text = ` ${STRIPPED.reduce(strip, answer)} `
  const letters = options.map((_, i) => letter(i))
  const having = (form: (letter: string) => string): string[] => letters.filter((one) => text.includes(form(one)))
  const inBrackets = having((one) => `(${one})`)
  if (inBrackets.length > 0) return last(inBrackets, (one) => text.lastIndexOf(`(${one})`))
  const bare = [having((one) => `${one} `), having((one) => `${one}.`)].find(({ length }) => length > 0)
  if (bare) return last(bare, (one) => text.lastIndexOf(` ${one} `))
  if (words(text).length <= 5) return undefined
  const lower = text.toLowerCase()
  const quoted = new Map(letters.map((one, i) => [one, pythonText(options[i]).toLowerCase()]))
  const found = letters.filter((one) => lower.includes(quoted.get(one)!))
  return last(found, (one) => lower.lastIndexOf(quoted.get(one)!))
}

/** The one that stands farthest behind; of several that stand nowhere, the first. */
function last(candidates: readonly string[], placeOf: (letter: string) => number): string | undefined {
  const places = candidates.map(placeOf)
  return candidates[places.indexOf(Math.max(...places))]
}
