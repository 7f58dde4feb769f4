/** What each token of a vocabulary stands for in a text, by itself: known of decoders that put tokens side by side. */

import { isObject, type Json } from "../../checkpoint/json.js"
import { tokenBytes } from "./byte-level.js"
import { BYTE_TOKEN, type Decode, decoderOf } from "./decoder.js"

export type Piece = (token: string) => Uint8Array

export interface Pieces {
  inside: Piece
  /** As the first token of a text, which may lose a blank; the same function where it loses nothing. */
  first: Piece
}

const encoder = new TextEncoder()

/**
 * @param decoder that of a tokenizer.json
 * @returns undefined where what a token stands for depends on its neighbours, such as blanks between words
 */
export function piecesOf(decoder: unknown): Pieces | undefined {
  const steps = stepsOf(decoder)
  const types = steps.map(({ type }) => type)
  if (types.length === 0) return undefined
  if (types.length === 1 && types[0] === "ByteLevel") {
    const piece: Piece = (token) => Uint8Array.from(tokenBytes(token))
    return { inside: piece, first: piece }
  }
  const fuse = types.indexOf("Fuse")
  const [single, whole] = fuse < 0 ? [steps, []] : [steps.slice(0, fuse), steps.slice(fuse + 1)]
  const known = ["Replace", "ByteFallback", "Metaspace", "Strip"]
  if (!single.every(({ type }) => known.includes(type as string))) return undefined
  // What is taken off the end of a text would depend on where it ends.
  if (!whole.every(({ type, stop = 0 }) => type === "Strip" && stop === 0)) return undefined
  const bytes = types.includes("ByteFallback")
  // More than one could be taken off two tokens.
  if (whole.length > 1 || whole.some(({ start = 0 }) => (start as number) > 1)) return undefined
  const [decode, strip] = [single, whole].map((part) => chain(part.filter(({ type }) => type !== "ByteFallback")))
  // Some steps look at whether a token is the first.
  const [inside, first] = [(token: string) => decode(["", token])[1], (token: string) => decode([token])[0]]
  const piece = (text: (token: string) => string, strip: (text: string) => string): Piece => {
    return (token) => {
      const byte = bytes ? BYTE_TOKEN.exec(token)?.[1] : undefined
      if (byte === undefined) return encoder.encode(strip(text(token)))
      const code = Number.parseInt(byte, 16)
      return code < 0x80 ? encoder.encode(strip(String.fromCharCode(code))) : Uint8Array.of(code)
    }
  }
  const plain = piece(inside, (text) => text)
  const losesBlank = whole.length > 0 || single.some(({ type }) => type === "Metaspace")
  return { inside: plain, first: losesBlank ? piece(first, (text) => strip([text])[0]) : plain }
}

const stepsOf = (decoder: unknown): Json[] => {
  if (!isObject(decoder)) return []
  return decoder.type === "Sequence" && Array.isArray(decoder.decoders) ? decoder.decoders.flatMap(stepsOf) : [decoder]
}

const chain = (steps: readonly Json[]): Decode => {
  const all = steps.map(decoderOf)
  return (tokens) => all.reduce((tokens, decode) => decode(tokens), [...tokens])
}
