/** Places of a text in its tokens. */

import { normalizedOffset, type Section } from "./added-tokens.js"
import type { Normalize } from "./normalizer.js"

/** A place in a text: how many tokens end at or before it, and how many begin before it. */
export interface Cut {
  ended: number
  begun: number
}

/** A section, how many tokens stand before it, and where a place of its (normalised) text is in its own tokens. */
export interface Encoded {
  section: Section
  before: number
  cut(position: number): Cut
}

/** @param total number of tokens */
export function cutAt(
  place: number,
  text: string,
  parts: readonly Encoded[],
  total: number,
  normalize: Normalize,
): Cut {
  const here = parts.filter(({ section: { start, end } }) => start <= place && place < end)
  if (here.length === 0) return { ended: total, begun: total }
  const { start, end } = here[0].section
  const { before, section } = here[0]
  if (place === start) return { ended: before, begun: before }
  if (here.length === 1 && section.text === undefined) return { ended: before, begun: before + 1 }
  const raw = text.slice(start, end)
  const inside = normalizedOffset(raw, place - start, normalize(raw), normalize)
  const part = here.findLast(({ section: { offset } }) => offset <= inside) ?? here[0]
  const { ended, begun } = part.cut(inside - part.section.offset)
  return { ended: part.before + ended, begun: part.before + begun }
}

/**
 * @param position in characters of the pieces
 * @param lengths characters of each token; 0: a further byte of the character before
 */
export function cutIn(position: number, lengths: readonly number[]): Cut {
  let [ended, begun, start, end] = [0, 0, 0, 0]
  for (const length of lengths) {
    if (length > 0) [start, end] = [end, end + length]
    if (end <= position) ended++
    if (start < position) begun++
  }
  return { ended, begun }
}
