/** Methods of Python's text that scores depend on, where JavaScript's differ (docs/evaluation.md 6). */

import { SPACE } from "../../text/formats/python-strings.js"

/** What \w is to Python: letters and numbers of every script, and the underscore. For patterns with the flag u. */
export const WORD = "[\\p{L}\\p{N}_]"
/** What \s is to Python, and what strip() takes away. */
export { SPACE }
/** What \b is to Python. */
export const BOUNDARY = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`
/** What \d is to Python. */
export const DIGIT = "\\p{Nd}"

const OUTER_SPACE = new RegExp(`^${SPACE}+|(?<!${SPACE})${SPACE}+$`, "g")
const SPACES = new RegExp(`${SPACE}+`)

/** str.strip(), and with a character str.strip(character). */
export function strip(text: string, character?: string): string {
  if (character === undefined) return text.replace(OUTER_SPACE, "")
  let from = 0
  while (from < text.length && text[from] === character) from++
  return stripEnd(text.slice(from), character)
}

/** str.rstrip(character). */
export function stripEnd(text: string, character: string): string {
  let to = text.length
  while (to > 0 && text[to - 1] === character) to--
  return text.slice(0, to)
}

/** str.split(): the words between white space. */
export const words = (text: string): string[] => text.split(SPACES).filter((word) => word !== "")

/** The first characters, where JavaScript counts some as two. */
export function firstCharacters(text: string, count: number): string[] {
  // No character takes more than two places.
  return Array.from(text.slice(0, 2 * count)).slice(0, count)
}

/** len(). */
export function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length++
  return length
}

/** string.punctuation, as a class. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g

/** Without the punctuation of ASCII. */
export const withoutPunctuation = (text: string): string => text.replace(PUNCTUATION, "")
