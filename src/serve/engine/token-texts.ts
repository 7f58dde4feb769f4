/** What single tokens look like to a person: the text of each, within a text. */

import type { Tokenizer } from "../../text/tokenizer.js"

/** Decoding one token inside a text takes a while, and the same few thousand come again and again. */
const texts = new WeakMap<Tokenizer, Map<number, string>>()

/** The text of a token inside a text; "" for special ones, and U+FFFD for bytes that are no whole character. */
export function tokenText(tokenizer: Tokenizer, id: number): string {
  let known = texts.get(tokenizer)
  if (!known) texts.set(tokenizer, (known = new Map()))
  let text = known.get(id)
  if (text === undefined) known.set(id, (text = tokenizer.decode([id], { inside: true })))
  return text
}
