/** Answers filled with end marks, as diffusion decodes them: an answer, and end marks up to the end of what is denoised together. */

import type { AnswerSpan } from "./formats/answer-spans.js"
import { type ImageSpan, spanLength } from "./image-span.js"
import { requireSlots } from "./layout.js"
import { IMAGE } from "./message.js"
import type { Encoded } from "./writer.js"

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
  const { ids } = encoded
  const slots = ids.reduce((n, id) => n + (id === IMAGE ? 1 : 0), 0)
  requireSlots(slots, spans.length)
  let position = 0
  let image = 0
  let read = 0
  return filled(encoded, eos, ({ end }) => {
    for (; read < end; read++) position += ids[read] === IMAGE ? spanLength(spans[image++]) : 1
    if (end === ids.length) return 0
    const missing = (size - (position % size)) % size
    position += missing
    return missing
  })
}

/** Fills every answer with end marks to be learned, up to a multiple of `size` tokens (LLaDA's fine-tuning). */
export const withFilledAnswers = (encoded: Encoded, { size, eos }: { size: number; eos: number }): Encoded =>
  filled(encoded, eos, ({ start, end }) => (size - ((end - start) % size)) % size)

/** @param missingBehind how many end marks come behind an answer; asked in their order */
function filled(encoded: Encoded, eos: number, missingBehind: (answer: AnswerSpan) => number): Encoded {
  const made = { ids: [] as number[], labels: [] as number[] }
  const answers: AnswerSpan[] = []
  let read = 0
  const copyTo = (end: number): void => {
    for (; read < end; read++) {
      made.ids.push(encoded.ids[read])
      made.labels.push(encoded.labels[read])
    }
  }
  for (const answer of encoded.answers ?? []) {
    copyTo(answer.start)
    const start = made.ids.length
    copyTo(answer.end)
    const marks = Array<number>(missingBehind(answer)).fill(eos)
    made.ids.push(...marks)
    made.labels.push(...marks)
    answers.push({ start, end: made.ids.length })
  }
  copyTo(encoded.ids.length)
  const { answerStart } = encoded
  return { ids: Int32Array.from(made.ids), labels: Int32Array.from(made.labels), answerStart, answers }
}
