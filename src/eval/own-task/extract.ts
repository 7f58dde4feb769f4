/** From what a model wrote to what is compared. */

import { UserError } from "../../errors.js"
import { normalised } from "../text-match.js"
import type { Extraction } from "./schema.js"

/** undefined where nothing can be read from the answer. */
export type Extract = (answer: string, choices: readonly string[]) => string | undefined

const NUMBER = /[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?%?|[-+]?\.\d+%?/g

/** @throws UserError when a regular expression is none */
export function extractionOf(rule: Extraction, where: string): Extract {
  if (typeof rule === "object") return byPattern(rule, where)
  if (rule === "first line") return (answer) => answer.trim().split("\n")[0].trim()
  if (rule === "number") return (answer) => answer.match(NUMBER)?.at(-1)?.replaceAll(",", "")
  if (rule === "yes or no") return (answer) => /(?<!\p{L})(yes|no)(?!\p{L})/iu.exec(answer)?.[1].toLowerCase()
  if (rule === "letter") return letterIn
  return (answer) => answer.trim()
}

/** @throws UserError naming the key whose text is no regular expression */
export function patternOf(regex: string, { key, where, flags }: { key: string; where: string; flags: string }): RegExp {
  try {
    return new RegExp(regex, flags)
  } catch (cause) {
    throw new UserError(`${key} is no regular expression: ${(cause as Error).message.split(": ").at(-1)}`, {
      where,
      fix: "mend it; in YAML it is best written between single quotes",
      cause,
    })
  }
}

function byPattern({ regex, which }: Exclude<Extraction, string>, where: string): Extract {
  const pattern = patternOf(regex, { key: "answer.regex", where, flags: "gu" })
  return (answer) => {
    const found = [...answer.matchAll(pattern)].at(which === "last" ? -1 : 0)
    // The first group that took part, or all where there is none.
    return found && (found.slice(1).find((group) => group !== undefined) ?? found[0]).trim()
  }
}

const LETTERS = [/^\(?([A-Za-z])\)?(?:$|[.:,)\s])/, /\b(?:answer|option|choice)\b\W*(?:is\W*)?\(?([A-Z])\b/i]

/** "B", "(B)", "B. text", "the answer is B", or the text of one of the choices. */
function letterIn(answer: string, choices: readonly string[]): string | undefined {
  const text = answer.trim()
  const letters = choices.map((_, i) => String.fromCharCode(65 + i))
  const named = choices.findIndex((choice) => normalised(choice) !== "" && normalised(choice) === normalised(text))
  if (named >= 0) return letters[named]
  const found = LETTERS.flatMap((pattern) => pattern.exec(text)?.[1] ?? [])
  // "a dog" is no letter, "a" is.
  const meant = found.filter((one) => text.length <= 2 || one === one.toUpperCase()).map((one) => one.toUpperCase())
  return meant.find((one) => letters.includes(one))
}
