/** Equality without case and ASCII punctuation: lmms-eval's exact_match. */

import { withoutPunctuation } from "../../task/python-text.js"

/** What is compared of a text. White space inside stays. */
export const matched = (text: string): string => withoutPunctuation(text.toLowerCase())

/** 1 or 0. */
export const exactMatch = (answer: string, gold: string): number => (matched(answer) === matched(gold) ? 1 : 0)
