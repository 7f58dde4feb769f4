/** Options to choose from, as prompts list them. */

import { pythonText } from "../../task/python-literal.js"

/** A, B, C, … */
export const letter = (index: number): string => String.fromCharCode(65 + index)

export const LETTER_INSTRUCTION = "Answer with the option's letter from the given choices directly."

/** Lines "A. text", without a line break at the end. */
export const letteredLines = (options: readonly unknown[]): string =>
  options.map((option, i) => `${letter(i)}. ${pythonText(option)}`).join("\n")
