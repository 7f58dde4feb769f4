/** From ids with image slots to the tokens of a sequence: slots become what images stand for, the end is cut or padded to blocks. */

import { UserError } from "../errors.js"
import type { Encoded } from "./conversation.js"
import type { AnswerSpan } from "./formats/answer-spans.js"
import { type ImageSpan, runsOf, spanLength } from "./image-span.js"
import { IGNORE, IMAGE } from "./message.js"

/** Positions behind one another that show features of an image which lie behind one another. */
export interface ImageRun {
  /** Which image. */
  image: number
  /** First of its features. */
  from: number
  /** First position. */
  start: number
  count: number
}

export interface SequenceLayout {
  /** One id per token; IMAGE where features of an image stand. */
  ids: Int32Array
  labels: Int32Array
  /** In the order of positions; what was cut off is not among them. */
  images: ImageRun[]
  /** Where the answers stand, as far as they were not cut off. */
  answers?: readonly AnswerSpan[]
}

export interface LayoutOptions {
  /** Tokens beyond are cut. */
  maxLength?: number
  /** Pads with EOS, labelled, to whole blocks (block diffusion; docs/reference.md, "Sequences"). */
  blocks?: { size: number; eos: number }
  /** What makes images take fewer tokens, for advice. */
  smaller?: string
}

/** @throws UserError when the slots and the images differ in number */
export function requireSlots(slots: number, images: number): void {
  if (slots === images) return
  const s = (n: number): string => (n === 1 ? "" : "s")
  throw new UserError(
    `the text has ${slots} image placeholder${s(slots)}, but there ${images === 1 ? "is" : "are"} ${images} image${s(images)}`,
    { fix: "write one <image> per image" },
  )
}

/**
 * @param spans what each image stands for, in order
 * @throws UserError when the slots and the images differ in number, or nothing of an answer is left
 */
export function layOut(
  { ids, labels, answerStart, answers }: Encoded,
  spans: readonly ImageSpan[],
  { maxLength = Number.POSITIVE_INFINITY, blocks, smaller }: LayoutOptions = {},
): SequenceLayout {
  const slots = ids.reduce((n, id) => n + (id === IMAGE ? 1 : 0), 0)
  requireSlots(slots, spans.length)
  const full = ids.length - slots + spans.reduce<number>((sum, span) => sum + spanLength(span), 0)
  const real = Math.min(full, maxLength)
  if (answerStart !== undefined)
    requireAnswer(positionOf(answerStart, ids, spans), full, maxLength, spans.length > 0 ? smaller : undefined)
  const padded = blocks ? Math.ceil(real / blocks.size) * blocks.size : real
  const outIds = new Int32Array(padded).fill(blocks?.eos ?? 0)
  const outLabels = new Int32Array(padded).fill(blocks?.eos ?? IGNORE)
  const images: SequenceLayout["images"] = []
  let row = 0
  let image = 0
  for (let i = 0; i < ids.length && row < real; i++) {
    if (ids[i] === IMAGE) {
      const span = spans[image]
      const length = Math.min(spanLength(span), real - row)
      if (typeof span === "number") outIds.fill(IMAGE, row, row + length)
      else outIds.set(span.subarray(0, length), row)
      outLabels.fill(IGNORE, row, row + length)
      for (const { from, start, count } of runsOf(span, length)) images.push({ image, from, start: row + start, count })
      image++
      row += length
    } else {
      outIds[row] = ids[i]
      outLabels[row] = labels[i]
      row++
    }
  }
  const rowOf = (position: number): number => Math.min(positionOf(position, ids, spans), real)
  const left = answers
    ?.map(({ start, end }) => ({ start: rowOf(start), end: rowOf(end) }))
    .filter(({ start, end }) => start < end)
  return { ids: outIds, labels: outLabels, images, ...(left && { answers: left }) }
}

/** Row of a position of the ids. */
function positionOf(position: number, ids: Int32Array, spans: readonly ImageSpan[]): number {
  const before = ids.subarray(0, position).reduce((n, id) => n + (id === IMAGE ? 1 : 0), 0)
  return position + spans.slice(0, before).reduce<number>((sum, span) => sum + spanLength(span) - 1, 0)
}

function requireAnswer(start: number, length: number, maxLength: number, smaller?: string): void {
  if (start < maxLength) return
  throw new UserError(
    `there is nothing to learn: the answer begins at token ${start} of ${length}, and a sample is cut to ${maxLength}`,
    { fix: `raise data.max_length${smaller ? `, ${smaller},` : ""} or shorten the record` },
  )
}
