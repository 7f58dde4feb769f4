/**
 * Long strings taken out of a JSON text before it is parsed: pictures of megabytes in base64 would hold the event loop while they are
 * read as text. They stay the bytes they are; names stand in their places.
 */

import { randomUUID } from "node:crypto"

/** Shorter strings are quick to parse. */
const LONG = 1 << 16
const QUOTE = 0x22
const BACKSLASH = 0x5c

export interface LiftedText {
  /** The JSON text, with names in the places of long strings. */
  json: string
  /** Bytes of the string that a value names, if it names one; what stood before the first comma too, such as a data URI's. */
  find(value: string): Uint8Array | undefined
}

/** Strings with escapes stay where they are: base64 has none. */
export function liftLongStrings(body: Uint8Array): LiftedText {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  // Nobody who writes a request can know it.
  const secret = randomUUID()
  const lifted: Uint8Array[] = []
  const pieces: string[] = []
  let copied = 0
  for (let start = bytes.indexOf(QUOTE); start >= 0; ) {
    const end = closingQuote(bytes, start + 1)
    if (end < 0) break
    const text = bytes.subarray(start + 1, end)
    if (text.length > LONG && text.indexOf(BACKSLASH) < 0) {
      // "data:image/png;base64," stays; what follows is taken out.
      const comma = text.subarray(0, 128).indexOf(0x2c) + 1
      pieces.push(bytes.toString("utf8", copied, start + 1 + comma), `lifted:${secret}:${lifted.length}`)
      lifted.push(text.subarray(comma))
      copied = end
    }
    start = bytes.indexOf(QUOTE, end + 1)
  }
  pieces.push(bytes.toString("utf8", copied))
  return {
    json: pieces.join(""),
    find(value) {
      const [name, found, index] = value.length < 100 ? value.split(":") : []
      return name === "lifted" && found === secret ? lifted[Number(index)] : undefined
    },
  }
}

function closingQuote(bytes: Buffer, from: number): number {
  for (let end = bytes.indexOf(QUOTE, from); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let escapes = 0
    while (bytes[end - 1 - escapes] === BACKSLASH && end - 1 - escapes >= from) escapes++
    if (escapes % 2 === 0) return end
  }
  return -1
}
