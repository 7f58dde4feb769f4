/** What people see of an answer while it is decoded: the text that is final, and the rest of the current block. */

import type { StepEvent } from "../paradigms/decode-events.js"
import type { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { TextStream } from "./text-stream.js"

export interface AnswerViewOptions {
  promptTokens: number
  /** Tokens of the answer at most. */
  length: number
  eos: readonly number[]
  /** Sequences of tokens before which the answer ends: what may become one is not given out. */
  stop?: readonly (readonly number[])[]
}

export class AnswerView {
  /** All text given out so far. */
  text = ""
  readonly #tokenizer: Tokenizer
  readonly #stream: TextStream
  readonly #options: AnswerViewOptions
  /** Ids of the answer that are final, by index. */
  readonly #known: (number | undefined)[] = []
  /** Ids given to the stream. */
  #streamed = 0

  constructor(tokenizer: Tokenizer, options: AnswerViewOptions) {
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
    for (
      let id = this.#known[this.#streamed];
      id !== undefined && this.#streamed < length && !eos.includes(id) && !this.#mayStop(this.#streamed);
      id = this.#known[++this.#streamed]
    )
      text += this.#stream.push(id)
    this.text += text
    const cells: (string | null)[] = []
    for (let i = this.#stream.written; i < Math.min(end - promptTokens, length); i++) {
      const id = this.#known[i]
      if (id !== undefined && eos.includes(id)) break
      cells.push(id === undefined ? null : this.#tokenizer.decode([id], { inside: true }))
    }
    return { text, cells }
  }

  /** Whether a stop sequence begins here, or still may. */
  #mayStop(start: number): boolean {
    const { length, stop = [] } = this.#options
    const fits = (id: number, i: number): boolean => (this.#known[start + i] ?? id) === id
    return stop.some((tokens) => start + tokens.length <= length && tokens.every(fits))
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
