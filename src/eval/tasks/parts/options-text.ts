/** Questions with options as MMMU and MMMU-Pro keep them: a Python list in a text, pictures by their numbers. */

import { UserError } from "../../../errors.js"
import { type PythonValue, pythonList } from "../../task/python-literal.js"
import type { Compat, Doc, DocPicture } from "../../task/task.js"
import { pictureOf, textOf } from "./document.js"
import { readChoice } from "./multiple-choice.js"
import { letter, letteredLines } from "./options.js"

export const optionsOf = (doc: Doc): PythonValue[] => pythonList(textOf(doc, "options"), "options")

/** The question, its options, a blank line and what to do. */
export const choicePrompt = (doc: Doc, instruction: string): string =>
  `${textOf(doc, "question")}\n${letteredLines(optionsOf(doc))}\n\n${instruction}`

/** Columns of the pictures that a finished prompt names, each once, sorted as texts. */
export function imageColumns(prompt: string): string[] {
  const numbers = Array.from(prompt.matchAll(/<image (\p{Nd}+)>/gu), ([, number]) => `image_${number}`)
  return [...new Set(numbers)].sort()
}

export const namedPictures = (doc: Doc, prompt: string): DocPicture[] =>
  imageColumns(prompt).map((column) => pictureOf(doc, column))

/** The letter of an answer: drawn where it cannot be read and there is something to draw with, else "". */
export function chosen(answer: string, doc: Doc, { draw }: Compat): { letter: string; isRead: boolean } {
  const options = optionsOf(doc)
  const read = readChoice(answer, options)
  if (read !== undefined) return { letter: read, isRead: true }
  if (draw && options.length === 0)
    throw new UserError("there is no option to draw", {
      where: textOf(doc, "id"),
      fix: 'its "options" is an empty list',
    })
  return { letter: draw ? letter(draw.below(options.length)) : "", isRead: false }
}
