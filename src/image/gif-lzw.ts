/** GIF's compression: variable-width codes of up to 12 bits in blocks of up to 255 bytes. */

import { PIECE, type Work } from "./in-turns.js"

const TABLE = 4096

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
  const out = new Uint8Array(count)
  const data = new BlockReader(bytes, at)
  const decoder = new LzwDecoder(bits, data, out)
  for (let until = 0; until < count; ) {
    until = Math.min(count, until + PIECE)
    const problem = decoder.decode(until)
    if (problem) throw damaged(problem)
    yield
  }
  return out
}

/** The content of a chain of blocks, byte by byte. */
class BlockReader {
  #left = 0
  constructor(
    readonly bytes: Uint8Array,
    private at: number,
  ) {}

  /** −1 after the last byte. */
  next(): number {
    if (this.#left === 0) {
      this.#left = this.bytes[this.at++] ?? 0
      if (this.#left === 0) return -1
    }
    this.#left--
    return this.bytes[this.at++] ?? -1
  }
}

class LzwDecoder {
  readonly #clear: number
  /** A code above the colours is the string of its `prefix` code and the colour `suffix`. */
  readonly #prefix = new Uint16Array(TABLE)
  readonly #suffix = new Uint8Array(TABLE)
  readonly #stack = new Uint8Array(TABLE + 1)
  #waiting = 0
  #width: number
  #next: number
  #previous = -1
  #first = 0
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

  /** Goes on until `until` indices are out; gives a sentence when it cannot. */
  decode(until: number): string | undefined {
    const { data, out } = this
    const clear = this.#clear
    const prefix = this.#prefix
    const suffix = this.#suffix
    const stack = this.#stack
    let done = this.#done
    let waiting = this.#waiting
    let width = this.#width
    let next = this.#next
    let previous = this.#previous
    let first = this.#first
    let buffer = this.#buffer
    let held = this.#held
    for (;;) {
      while (waiting > 0 && done < until) out[done++] = stack[--waiting]
      if (done === until) break
      while (held < width) {
        const byte = data.next()
        if (byte < 0) return "its first frame ends early"
        buffer |= byte << held
        held += 8
      }
      const code = buffer & ((1 << width) - 1)
      buffer >>>= width
      held -= width
      if (code === clear) {
        width = 32 - Math.clz32(clear)
        next = clear + 2
        previous = -1
        continue
      }
      if (code === clear + 1) return "its first frame ends early"
      if (previous < 0 ? code > clear : code > next) return "its first frame is damaged"
      let rest = code
      if (previous >= 0 && code === next) {
        stack[waiting++] = first
        rest = previous
      }
      while (rest > clear) {
        stack[waiting++] = suffix[rest]
        rest = prefix[rest]
      }
      first = rest
      stack[waiting++] = rest
      if (previous >= 0 && next < TABLE) {
        prefix[next] = previous
        suffix[next] = first
        if (next === (1 << width) - 1 && width < 12) width++
        next++
      }
      previous = code
    }
    this.#done = done
    this.#waiting = waiting
    this.#width = width
    this.#next = next
    this.#previous = previous
    this.#first = first
    this.#buffer = buffer
    this.#held = held
    return undefined
  }
}
