/** From ids with image slots to the tokens of a sequence: slots become the tokens of images, the end is cut or padded to blocks. */

import { UserError } from "../errors.js"
import { type Encoded, IGNORE, IMAGE } from "./conversation.js"

export interface SequenceLayout {
  /** One id per token; IMAGE on those of an image. */
  ids: Int32Array
  labels: Int32Array
  /** First token and number of tokens of each image that is (at least partly) inside. */
  images: { start: number; count: number }[]
}

export interface LayoutOptions {
  /** Tokens beyond are cut. */
  maxLength?: number
  /** Pads with EOS, labelled, to whole blocks (block diffusion; docs/reference.md, "Sequences"). */
  blocks?: { size: number; eos: number }
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
 * @param imageTokens how many each image takes, in order
 * @throws UserError when the slots and the images differ in number, or nothing of an answer is left
 */
export function layOut(
  { ids, labels, answerStart }: Encoded,
  imageTokens: readonly number[],
  { maxLength = Number.POSITIVE_INFINITY, blocks }: LayoutOptions = {},
): SequenceLayout {
  const slots = ids.reduce((n, id) => n + (id === IMAGE ? 1 : 0), 0)
  requireSlots(slots, imageTokens.length)
  const full = ids.length - slots + imageTokens.reduce((sum, n) => sum + n, 0)
  const real = Math.min(full, maxLength)
  if (answerStart !== undefined) requireAnswer(positionOf(answerStart, ids, imageTokens), full, maxLength)
  const padded = blocks ? Math.ceil(real / blocks.size) * blocks.size : real
  const outIds = new Int32Array(padded).fill(blocks?.eos ?? 0)
  const outLabels = new Int32Array(padded).fill(blocks?.eos ?? IGNORE)
  const images: SequenceLayout["images"] = []
  let row = 0
  let image = 0
  for (let i = 0; i < ids.length && row < real; i++) {
    if (ids[i] === IMAGE) {
      const count = Math.min(imageTokens[image++], real - row)
      outIds.fill(IMAGE, row, row + count)
      outLabels.fill(IGNORE, row, row + count)
      images.push({ start: row, count })
      row += count
    } else {
      outIds[row] = ids[i]
      outLabels[row] = labels[i]
      row++
    }
  }
  return { ids: outIds, labels: outLabels, images }
}

/** Row of a position of the ids. */
function positionOf(position: number, ids: Int32Array, imageTokens: readonly number[]): number {
  const before = ids.subarray(0, position).reduce((n, id) => n + (id === IMAGE ? 1 : 0), 0)
  return position + imageTokens.slice(0, before).reduce((sum, tokens) => sum + tokens - 1, 0)
}

function requireAnswer(start: number, length: number, maxLength: number): void {
  if (start < maxLength) return
  throw new UserError(
    `there is nothing to learn: the answer begins at token ${start} of ${length}, and a sample is cut to ${maxLength}`,
    { fix: "raise data.max_length, lower data.max_pixels, or shorten the record" },
  )
}
