/** The decoder of a tokenizer.json, as the reference implementation does it: tokens → text. */

import type { Json } from "../../checkpoint/json.js"
import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { tokenBytes } from "./byte-level.js"
import { BPEDecoder, CTCDecoder, WordPieceDecoder } from "./library.js"
import { patternOf } from "./pattern.js"

export type Decode = (tokens: readonly string[]) => string[]

/** A byte that no token of the vocabulary holds, as SentencePiece writes it. */
export const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/

const lossy = new TextDecoder("utf-8", { ignoreBOM: true })
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true })

/** @throws UserError when a step is unknown or its settings are not what it needs */
export function decoderOf(step: unknown): Decode {
  // Without a decoder the reference writes spaces between the tokens.
  if (step == null) return (tokens) => [tokens.join(" ")]
  if (!isObject(step)) throw new UserError("a decoder is not an object")
  const type = step.type as string
  switch (type) {
    case "Sequence": {
      if (!Array.isArray(step.decoders)) throw new UserError("a sequence of decoders is not a list")
      const all = step.decoders.map(decoderOf)
      return (tokens) => all.reduce((tokens, decode) => decode(tokens), [...tokens])
    }
    case "ByteLevel":
      return (tokens) => [lossy.decode(Uint8Array.from(tokens.flatMap(tokenBytes)))]
    case "ByteFallback":
      return byteFallback
    case "Fuse":
      return (tokens) => [tokens.join("")]
    case "Replace": {
      const pattern = patternOf(step.pattern)
      const content = String(step.content ?? "")
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content))
    }
    case "Strip":
      return strip(step)
    case "Metaspace":
      return metaspace(step)
    case "WordPiece":
    case "BPEDecoder":
    case "CTC": {
      const Step = type === "CTC" ? CTCDecoder : type === "WordPiece" ? WordPieceDecoder : BPEDecoder
      const library = new Step(step)
      return (tokens) => library.decode_chain([...tokens])
    }
    default:
      throw new UserError(`Unknown Decoder type: ${JSON.stringify(type ?? null)}`)
  }
}

/** Runs of byte tokens are text where they are UTF-8; where they are not, each byte is lost by itself. */
const byteFallback: Decode = (tokens) => {
  const out: string[] = []
  let bytes: number[] = []
  const flush = (): void => {
    if (bytes.length === 0) return
    try {
      out.push(strict.decode(Uint8Array.from(bytes)))
    } catch {
      out.push(...bytes.map(() => "\ufffd"))
    }
    bytes = []
  }
  for (const token of tokens) {
    const byte = BYTE_TOKEN.exec(token)?.[1]
    if (byte !== undefined) bytes.push(Number.parseInt(byte, 16))
    else {
      flush()
      out.push(token)
    }
  }
  flush()
  return out
}

/** Takes up to `start` characters off the beginning of each token, and up to `stop` off its end. */
function strip({ content, start = 0, stop = 0 }: Json): Decode {
  return (tokens) =>
    tokens.map((token) => {
      const characters = Array.from(token)
      let [from, to] = [0, characters.length]
      while (from < (start as number) && characters[from] === content) from++
      while (characters.length - to < (stop as number) && characters[to - 1] === content) to--
      return characters.slice(from, Math.max(from, to)).join("")
    })
}

/** "▁" is a space, but nothing in the first token, as encoding puts one there. */
function metaspace({ replacement, prepend_scheme: scheme, add_prefix_space: prefix }: Json): Decode {
  const mark = typeof replacement === "string" && replacement !== "" ? replacement : "▁"
  const keepsFirst = (scheme ?? (prefix === false ? "never" : "always")) === "never"
  return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && !keepsFirst ? "" : " "))
}
