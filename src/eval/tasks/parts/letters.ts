/** Answers that are a letter. */

import { SPACE } from "../../task/python-text.js"

const LEADING_LETTER = new RegExp(`^${SPACE}*([A-Z])\\.`)

/** "A. leaf" becomes "A"; other answers stay as they are. */
export const leadingLetter = (answer: string): string => LEADING_LETTER.exec(answer)?.[1] ?? answer

/** Whether it is one letter of the alphabet, in either case. */
export const isLetter = (text: string): boolean => /^[A-Za-z]$/.test(text)
