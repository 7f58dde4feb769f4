/** Answers filled with end marks, as diffusion decodes them: an answer, and end marks up to the end of what is denoised together. */

import { type ImageSpan, spanLength } from "./image-span.js"
import { requireSlots } from "./layout.js"
import { IMAGE } from "./message.js"
import type { Encoded } from "./writer.js"

const ends = (labels: Int32Array, i: number): boolean =>
  labels[i] >= 0 && !(i + 1 < labels.length && labels[i + 1] >= 0)

/**
 * Fills the last block of every answer but the last with end marks to be learned, so that the next question begins a block.
 * (The last answer's block is filled by `layOut`.) Otherwise what stands behind an answer in its block, which is never
 * masked, would tell where the answer ends.
 * @param spans what each image stands for, in order
 * @throws UserError when the slots and the images differ in number
 */
export function withFilledBlocks(
  encoded: Encoded,
  spans: readonly ImageSpan[],
  { size, eos }: { size: number; eos: number },
): Encoded {
  const { ids, labels } = encoded
  const slots = ids.reduce((n, id) => n + (id === IMAGE ? 1 : 0), 0)
  requireSlots(slots, spans.length)
  let position = 0
  let image = 0
  return filled(encoded, eos, (i) => {
    position += ids[i] === IMAGE ? spanLength(spans[image++]) : 1
    if (!ends(labels, i) || i + 1 === ids.length) return 0
    const missing = (size - (position % size)) % size
    position += missing
    return missing
  })
}

/** Fills every answer with end marks to be learned, up to a multiple of `size` tokens (LLaDA's fine-tuning). */
export function withFilledAnswers(encoded: Encoded, { size, eos }: { size: number; eos: number }): Encoded {
  let length = 0
  return filled(encoded, eos, (i) => {
    length = encoded.labels[i] >= 0 ? length + 1 : 0
    return ends(encoded.labels, i) ? (size - (length % size)) % size : 0
  })
}

/** @param missingBehind how many end marks come behind each id */
function filled({ ids, labels, answerStart }: Encoded, eos: number, missingBehind: (i: number) => number): Encoded {
  const made = { ids: [] as number[], labels: [] as number[] }
  for (let i = 0; i < ids.length; i++) {
    const marks = Array<number>(missingBehind(i)).fill(eos)
    made.ids.push(ids[i], ...marks)
    made.labels.push(labels[i], ...marks)
  }
  const encoded = { ids: Int32Array.from(made.ids), labels: Int32Array.from(made.labels) }
  return answerStart === undefined ? encoded : { ...encoded, answerStart }
}
