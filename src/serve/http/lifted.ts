/**
 * Long strings taken out of a JSON text before it is parsed: pictures of megabytes in base64 would hold the event loop while they are
 * read as text. They stay the bytes they are; names stand in their places.
 */

import { randomUUID } from "node:crypto"
import { ApiError, invalid } from "../api-error.js"

/** Shorter strings are quick to parse. */
const LONG = 1 << 16
/** Bytes of text: a megabyte is parsed in a few milliseconds, and more of it is no prompt. */
const MOST_TEXT = 4 * 2 ** 20
/** Lists, objects and what is in them: a million would take a second to parse. */
const MOST_VALUES = 1 << 16
/** Bytes of a string that are looked at one by one: asking for the next quote costs as much. */
const NEAR = 64

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const LIST = 0x5b
const OBJECT = 0x7b

export interface LiftedText {
  /** The JSON text, with names in the places of long strings. */
  json: string
  /** Bytes of the string that a value names, if it names one; what stood before the first comma too, such as a data URI's. */
  find(value: string): Uint8Array | undefined
}

/**
 * Strings with escapes stay where they are: base64 has none.
 * @throws ApiError for what would hold the event loop even so: more text, or more values, than a request has
 */
export function liftLongStrings(body: Uint8Array): LiftedText {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  // Nobody who writes a request can know it.
  const secret = randomUUID()
  const lifted: Uint8Array[] = []
  const pieces: string[] = []
  let copied = 0
  let liftedBytes = 0
  let values = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (at - liftedBytes > MOST_TEXT) throw tooMuchText()
    if ((byte === COMMA || byte === LIST || byte === OBJECT) && ++values > MOST_VALUES)
      throw invalid(`the body of the request has more than ${MOST_VALUES} values`)
    if (byte !== QUOTE) continue
    const end = closingQuote(bytes, at + 1)
    if (end < 0) break
    if (end - at > LONG) {
      const text = bytes.subarray(at + 1, end)
      if (text.indexOf(BACKSLASH) < 0) {
        // "data:image/png;base64," stays; what follows is taken out.
        const comma = text.subarray(0, 128).indexOf(COMMA) + 1
        pieces.push(bytes.toString("utf8", copied, at + 1 + comma), `lifted:${secret}:${lifted.length}`)
        lifted.push(text.subarray(comma))
        liftedBytes += text.length - comma
        copied = end
      }
    }
    at = end
  }
  if (bytes.length - liftedBytes > MOST_TEXT) throw tooMuchText()
  pieces.push(bytes.toString("utf8", copied))
  return {
    json: pieces.join(""),
    find(value) {
      const [name, found, index] = value.length < 100 ? value.split(":") : []
      return name === "lifted" && found === secret ? lifted[Number(index)] : undefined
    },
  }
}

const tooMuchText = (): ApiError =>
  new ApiError(413, `the text of a request has ${MOST_TEXT} bytes at most`, { code: "request_too_large" })

/** @throws ApiError for a string of too much text, which its escapes make it */
function closingQuote(bytes: Buffer, from: number): number {
  for (let end = nextQuote(bytes, from); end >= 0; end = nextQuote(bytes, end + 1)) {
    let escapes = 0
    while (bytes[end - 1 - escapes] === BACKSLASH && end - 1 - escapes >= from) escapes++
    if (escapes % 2 === 0) return end
    if (end - from > MOST_TEXT) throw tooMuchText()
  }
  return -1
}

function nextQuote(bytes: Buffer, from: number): number {
  const far = Math.min(bytes.length, from + NEAR)
  for (let at = from; at < far; at++) if (bytes[at] === QUOTE) return at
  return bytes.indexOf(QUOTE, far)
}
