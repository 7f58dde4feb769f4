/** GIF's compression: variable-width codes of up to 12 bits in blocks of up to 255 bytes. */

import { PIECE, type Work } from "../../in-turns.js"

const TABLE = 4096
const MAXIMUM_WIDTH = 12
/** Shorter strings are copied faster by hand. */
const SHORT = 24

/**
 * The first `count` colour indices.
 * @param at where the blocks start
 * @param bits of a colour index
 * @param damaged makes the error for what is wrong
 */
export function* lzwIndices(
  bytes: Uint8Array,
  at: number,
  bits: number,
  count: number,
  damaged: (what: string) => Error,
): Work<Uint8Array> {
  if (bits > 8) throw damaged(`it says ${bits} bits for a colour index`)
  const decoder = new LzwDecoder(bits, new BlockReader(bytes, at), new Uint8Array(count))
  for (let until = 0; until < count; ) {
    until = Math.min(count, until + PIECE)
    const problem = decoder.decode(until)
    if (problem) throw damaged(problem)
    yield
  }
  return decoder.out
}

/** The content of a chain of blocks, byte by byte. */
class BlockReader {
  #left = 0
  #at: number
  constructor(
    readonly bytes: Uint8Array,
    at: number,
  ) {
    this.#at = at
  }

  /** −1 after the last byte. */
  next(): number {
    if (this.#left === 0) {
      this.#left = this.bytes[this.#at++] ?? 0
      if (this.#left === 0) return -1
    }
    this.#left--
    return this.bytes[this.#at++] ?? -1
  }
}

class LzwDecoder {
  readonly #clear: number
  /**
   * The string of a code above the colours is that of an earlier code and the first colour after it, so it stands in
   * the output already: where, and how long it is.
   */
  readonly #start = new Uint32Array(TABLE)
  readonly #length = new Uint16Array(TABLE)
  #width: number
  #next: number
  /** Of the latest string; no length after a clear code. */
  #previousStart = 0
  #previousLength = 0
  #buffer = 0
  #held = 0
  #done = 0

  constructor(
    bits: number,
    readonly data: BlockReader,
    readonly out: Uint8Array,
  ) {
    this.#clear = 1 << bits
    this.#width = bits + 1
    this.#next = this.#clear + 2
  }

  /** Goes on until `until` indices (or a few more) are out; gives a sentence when it cannot. */
  decode(until: number): string | undefined {
    const { data, out } = this
    while (this.#done < until) {
      while (this.#held < this.#width) {
        const byte = data.next()
        if (byte < 0) return "its first frame ends early"
        this.#buffer |= byte << this.#held
        this.#held += 8
      }
      const code = this.#buffer & ((1 << this.#width) - 1)
      this.#buffer >>>= this.#width
      this.#held -= this.#width
      if (code === this.#clear) {
        this.#width = 32 - Math.clz32(this.#clear)
        this.#next = this.#clear + 2
        this.#previousLength = 0
        continue
      }
      if (code === this.#clear + 1) return "its first frame ends early"
      const follows = this.#previousLength > 0
      if (follows ? code > this.#next : code > this.#clear) return "its first frame is damaged"
      // Entered before it is looked up: a code may stand for the string that it itself defines.
      if (follows && this.#next < TABLE) {
        this.#start[this.#next] = this.#previousStart
        this.#length[this.#next] = this.#previousLength + 1
        if (this.#next === (1 << this.#width) - 1 && this.#width < MAXIMUM_WIDTH) this.#width++
        this.#next++
      }
      const at = this.#done
      const length = code < this.#clear ? 1 : this.#length[code]
      if (code < this.#clear) out[at] = code
      else copyString(out, this.#start[code], at, length)
      this.#previousStart = at
      this.#previousLength = length
      this.#done += length
    }
    return undefined
  }
}

/** Copies a string that ends where it is copied to, at the latest, or one colour beyond. What does not fit is left out. */
function copyString(out: Uint8Array, from: number, to: number, length: number): void {
  if (length <= SHORT) {
    for (let i = 0; i < length; i++) out[to + i] = out[from + i]
    return
  }
  out.copyWithin(to, from, from + length - 1)
  out[to + length - 1] = out[from + length - 1]
}
