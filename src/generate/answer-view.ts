/** What people see of an answer while it is decoded: the text that is final, and the rest of the current block. */

import type { StepEvent } from "../paradigms/decode-events.js"
import type { Tokenizer } from "../text/tokenizer.js"
import { TextStream } from "./text-stream.js"

export class AnswerView {
  /** All text given out so far. */
  text = ""
  readonly #tokenizer: Tokenizer
  readonly #stream: TextStream
  readonly #options: { promptTokens: number; length: number; eos: readonly number[] }
  /** Ids of the answer that are final, by index. */
  readonly #known: (number | undefined)[] = []
  /** Ids given to the stream. */
  #streamed = 0

  constructor(tokenizer: Tokenizer, options: { promptTokens: number; length: number; eos: readonly number[] }) {
    this.#tokenizer = tokenizer
    this.#stream = new TextStream(tokenizer)
    this.#options = options
  }

  /**
   * Takes in a step: text that became final, and the tokens of the block behind it, null where they are masked. Nothing
   * is shown behind an end-of-sequence token.
   */
  update(
    { positions, ids, fixed, end }: StepEvent,
    maskToken: number | undefined,
  ): { text: string; cells: (string | null)[] } {
    const { promptTokens, length, eos } = this.#options
    const isFixed = new Set(fixed)
    positions.forEach((row, i) => {
      if (isFixed.has(row) && ids[i] !== maskToken) this.#known[row - promptTokens] = ids[i]
    })
    let text = ""
    for (let id = this.#known[this.#streamed]; id !== undefined && this.#streamed < length && !eos.includes(id); ) {
      text += this.#stream.push(id)
      id = this.#known[++this.#streamed]
    }
    this.text += text
    const cells: (string | null)[] = []
    for (let i = this.#stream.written; i < Math.min(end - promptTokens, length); i++) {
      const id = this.#known[i]
      if (id !== undefined && eos.includes(id)) break
      cells.push(id === undefined ? null : this.#tokenizer.decode([id], { inside: true }))
    }
    return { text, cells }
  }

  /** The text that is left, given the whole answer; positions that stayed masked give none. */
  finish(ids: Int32Array): string {
    let rest = ""
    for (const id of ids.subarray(this.#streamed)) rest += this.#stream.push(id)
    rest += this.#stream.finish()
    this.text += rest
    return rest
  }
}
