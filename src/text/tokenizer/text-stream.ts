/** Ids that become final one after the other → pieces of text that never cut a character in two. */

import type { Tokenizer } from "./tokenizer.js"

/** What a decoder writes for bytes that are no whole character. */
const REPLACEMENT = "\ufffd"
/** Longer than characters whose bytes are spread over tokens: what still waits then is broken for good. */
const MAXIMUM_WAITING = 8
/** Ids before that decoding may look back at: the first token of a text loses its space, one inside does not. */
const MAXIMUM_CONTEXT = 64

/** The pieces together are what decoding all ids at once gives. */
export class TextStream {
  readonly #tokenizer: Tokenizer
  /** Ids just given out: the next ones are decoded behind them. */
  #context: number[] = []
  #waiting: number[] = []
  /** The last id given out ends within a character: its beginning, a replacement in the context's text, is still to give. */
  #cut = false
  /** Ids whose text was given out. */
  #written = 0

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  /** Number of ids whose text has been given out; later ones wait for the rest of a character. */
  get written(): number {
    return this.#written
  }

  /** The text that can be given out now that this id is known. Special tokens give none. */
  push(id: number): string {
    this.#waiting.push(id)
    const text = this.#text(this.#waiting)
    if (!text.endsWith(REPLACEMENT)) return this.#flush(text)
    if (this.#waiting.length < MAXIMUM_WAITING) return ""
    // A character that has just begun still waits where what comes before it is whole.
    for (const begun of [1, 2, 3]) {
      const tail = this.#waiting.slice(-begun)
      const whole = this.#text(this.#waiting.slice(0, -begun))
      if (whole.endsWith(REPLACEMENT)) continue
      this.#waiting = this.#waiting.slice(0, -begun)
      const given = this.#flush(whole)
      this.#waiting = tail
      return given
    }
    // Tokens may also end one character and begin the next, many in a row.
    const whole = text.slice(0, -1)
    return whole === "" || whole.endsWith(REPLACEMENT) ? this.#flush(text) : this.#flush(whole, true)
  }

  /** What still waits, broken or not. */
  finish(): string {
    return this.#flush(this.#text(this.#waiting))
  }

  #text(ids: readonly number[]): string {
    const given = this.#tokenizer.decode(this.#context)
    const before = this.#cut ? given.slice(0, -1) : given
    const text = this.#tokenizer.decode([...this.#context, ...ids])
    let same = 0
    while (same < before.length && before[same] === text[same]) same++
    return text.slice(same)
  }

  #flush(text: string, cut = false): string {
    this.#written += this.#waiting.length
    // Ids that gave no text, or only a part of a character, may still matter for those that follow.
    const complete = text !== "" && !cut && !text.endsWith(REPLACEMENT)
    this.#context = complete ? this.#waiting : [...this.#context, ...this.#waiting].slice(-MAXIMUM_CONTEXT)
    this.#waiting = []
    this.#cut = cut
    return text
  }
}
