/** From what a model wrote to its answer, as the authors' wrappers do (docs/evaluation.md 3.6 and 11). */

import { strip } from "./python-text.js"

export interface CleanOptions {
  /** What the chat template ends a message with, such as <|im_end|>. */
  separator: string
  /** Further texts that end an answer, in this order. */
  stops?: readonly string[]
}

/**
 * The answer of the wrappers of diffusion models: what stands before the separator, the first line break and further
 * stops, without outer white space and without one full stop at its end.
 * @param decoded the generated tokens as text, without special tokens; what follows the end token in its block included
 */
export function cleanAnswer(decoded: string, { separator, stops = [] }: CleanOptions): string {
  let text = decoded
  for (const stop of [separator, "\n", ...stops]) {
    const at = stop === "" ? -1 : text.indexOf(stop)
    if (at >= 0) text = text.slice(0, at)
  }
  text = strip(text)
  return text.endsWith(".") ? text.slice(0, -1) : text
}

/** The answer of the wrapper of autoregressive models: nothing is cut. */
export const cleanAutoregressiveAnswer = (decoded: string): string => strip(decoded)
