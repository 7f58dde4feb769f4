/** Collects the ids and labels of a sequence; the formats say what is written and what is learned. */

import type { AnswerSpan } from "./formats/answer-spans.js"
import { IGNORE, IMAGE, type Part } from "./message.js"
import type { Tokenizer } from "./tokenizer/tokenizer.js"

export type LearnedTokens = "authors" | "answers"

export interface EncodeOptions {
  /** Let added tokens written inside a text be tokens, as the authors' code does: for text that is trusted. @default false */
  special?: boolean
  /**
   * What DiffusionVL learns. authors: assistant messages with their headers, and every line break and message mark,
   * also inside questions. answers: what follows the header of an assistant message, to its line break, of the last one to its <|im_end|> (the
   * paper).
   * @default "authors"
   */
  learn?: LearnedTokens
}

export interface Encoded {
  /** One IMAGE per image. */
  ids: Int32Array
  /** IGNORE, or the id to be learned at this position. */
  labels: Int32Array
  /** Where the text of the first answer begins. */
  answerStart?: number
  /** Where the answers stand, each with what marks its end; other things may be labelled as well. */
  answers?: readonly AnswerSpan[]
}

export class SequenceWriter {
  readonly #ids: number[] = []
  readonly #labels: number[] = []
  readonly #answers: AnswerSpan[] = []

  /** An answer, labelled. @param header how many of the ids stand before its text */
  answer(ids: readonly number[], header = 0): void {
    const start = this.#ids.length + header
    this.push(ids, true)
    this.#answers.push({ start, end: this.#ids.length })
  }

  push(ids: readonly number[], labelled: boolean): void {
    for (const id of ids) {
      this.#ids.push(id)
      this.#labels.push(labelled && id !== IMAGE ? id : IGNORE)
    }
  }

  /** @param always ids that are labelled wherever they stand */
  done(always: ReadonlySet<number> = new Set()): Encoded {
    const labels = this.#labels.map((label, i) => (always.has(this.#ids[i]) ? this.#ids[i] : label))
    const answers = this.#answers
    return { ids: Int32Array.from(this.#ids), labels: Int32Array.from(labels), answerStart: answers[0]?.start, answers }
  }
}

/**
 * Ids of a message body. Text between two images is tokenised as one string, and text before the first one together
 * with `prefix`, as the tokenizer would split the whole prompt.
 * @param image ids that stand for an image
 * @param suffix tokenised together with the text behind the last image
 */
export function bodyIds(
  prefix: string,
  parts: readonly Part[],
  tokenizer: Tokenizer,
  options: EncodeOptions,
  image: readonly number[] = [IMAGE],
  suffix = "",
): number[] {
  const ids: number[] = []
  let text = prefix
  for (const part of parts) {
    if (part.type === "text") {
      text += part.text
    } else {
      ids.push(...tokenizer.encode(text, options), ...image)
      text = ""
    }
  }
  return [...ids, ...tokenizer.encode(text + suffix, options)]
}
