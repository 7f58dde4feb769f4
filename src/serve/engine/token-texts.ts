/** What single tokens look like to a person: the text of each, within a text. */

import type { Tokenizer } from "../../text/tokenizer/tokenizer.js"

/** Decoding one token inside a text takes a while, and the same few thousand come again and again. */
const known = new WeakMap<Tokenizer, Map<number, string>>()

/** The text of a token inside a text; "" for special ones, and U+FFFD for bytes that are no whole character. */
export function tokenText(tokenizer: Tokenizer, id: number): string {
  const texts = known.get(tokenizer) ?? new Map<number, string>()
  known.set(tokenizer, texts)
  const text = texts.get(id) ?? tokenizer.decode([id], { inside: true })
  texts.set(id, text)
  return text
}
