/** What an image stands for in a sequence: its features alone, or its features with text between them. */

import type { ImagePiece } from "../image/processors/pieces.js"
import { IMAGE } from "./message.js"
import type { Tokenizer } from "./tokenizer/tokenizer.js"

/** A number of features; or ids, IMAGE where a feature stands. */
export type ImageSpan = number | Int32Array

/** Pieces in the tokens of a model. Each text begins and ends with markup, so that it is split as within the whole prompt. */
export function spanOf(pieces: readonly ImagePiece[], tokenizer: Tokenizer): ImageSpan {
  if (pieces.length === 1 && typeof pieces[0] === "number") return pieces[0]
  const ids = pieces.flatMap((piece) =>
    typeof piece === "number" ? Array<number>(piece).fill(IMAGE) : tokenizer.encode(piece, { special: true }),
  )
  return Int32Array.from(ids)
}

/** Tokens of the sequence that an image takes. */
export const spanLength = (span: ImageSpan): number => (typeof span === "number" ? span : span.length)

/**
 * The features of the first `length` tokens, in runs.
 * @returns of each run the first feature and the first token of the span
 */
export function runsOf(span: ImageSpan, length: number): { from: number; start: number; count: number }[] {
  if (typeof span === "number") return length === 0 ? [] : [{ from: 0, start: 0, count: length }]
  const runs: { from: number; start: number; count: number }[] = []
  let features = 0
  for (let i = 0; i < length; i++) {
    if (span[i] !== IMAGE) continue
    const last = runs[runs.length - 1]
    if (last && last.start + last.count === i) last.count++
    else runs.push({ from: features, start: i, count: 1 })
    features++
  }
  return runs
}
