/** Ids that become final one after the other → pieces of text that never cut a character in two. */

import type { Tokenizer } from "../text/tokenizer.js"

/** What a decoder writes for bytes that are no whole character. */
const REPLACEMENT = "\ufffd"
/** Longer than characters whose bytes are spread over tokens: what still waits then is broken for good. */
const MAXIMUM_WAITING = 8

export class TextStream {
  readonly #tokenizer: Tokenizer
  #waiting: number[] = []
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
    const text = this.#tokenizer.decode(this.#waiting)
    if (text.endsWith(REPLACEMENT) && this.#waiting.length < MAXIMUM_WAITING) return ""
    return this.#flush(text)
  }

  /** What still waits, broken or not. */
  finish(): string {
    return this.#flush(this.#tokenizer.decode(this.#waiting))
  }

  #flush(text: string): string {
    this.#written += this.#waiting.length
    this.#waiting = []
    return text
  }
}
