/** Puts into a prompt what its pictures stand for: placeholders for their features, and text of the family's own around them. */

import type { ImagePiece } from "../image/pieces.js"
import { requireSlots } from "./layout.js"
import { IGNORE, IMAGE } from "./message.js"
import type { Tokenizer } from "./tokenizer.js"
import type { Encoded } from "./writer.js"

/**
 * A prompt as text, as transformers' processors write it.
 * @param images what each picture stands for, in order
 * @param placeholder the token that stands for a picture before, and for each of its features after
 * @throws UserError where the prompt and the pictures differ in number
 */
export function expandText(prompt: string, images: readonly ImagePiece[][], placeholder: string): string {
  const texts = prompt.split(placeholder)
  requireSlots(texts.length - 1, images.length)
  const written = images.map((pieces) =>
    pieces.map((piece) => (typeof piece === "number" ? placeholder.repeat(piece) : piece)).join(""),
  )
  return texts.map((text, i) => text + (written[i] ?? "")).join("")
}

export interface Expanded extends Encoded {
  /** Tokens of each run of features, one for each IMAGE of `ids`, in order. */
  runs: number[]
}

/**
 * A prompt or sample as ids: each IMAGE becomes the tokens of its picture's text, never learned, and one IMAGE for each run
 * of features, whose lengths are `runs`.
 * @param encoded one IMAGE per picture
 * @throws UserError where the prompt and the pictures differ in number
 */
export function expandIds(
  { ids, labels, answerStart }: Encoded,
  images: readonly ImagePiece[][],
  tokenizer: Pick<Tokenizer, "encode">,
): Expanded {
  const slots = ids.reduce((sum, id) => sum + (id === IMAGE ? 1 : 0), 0)
  requireSlots(slots, images.length)
  const [outIds, outLabels, runs]: number[][] = [[], [], []]
  let image = 0
  let start = answerStart
  ids.forEach((id, i) => {
    if (i === answerStart) start = outIds.length
    if (id !== IMAGE) {
      outIds.push(id)
      outLabels.push(labels[i])
      return
    }
    for (const piece of images[image++]) {
      const tokens = typeof piece === "number" ? [IMAGE] : tokenizer.encode(piece, { special: true })
      if (typeof piece === "number") runs.push(piece)
      for (const token of tokens) {
        outIds.push(token)
        outLabels.push(IGNORE)
      }
    }
  })
  if (answerStart === ids.length) start = outIds.length
  return {
    ids: Int32Array.from(outIds),
    labels: Int32Array.from(outLabels),
    runs,
    ...(start !== undefined && { answerStart: start }),
  }
}
