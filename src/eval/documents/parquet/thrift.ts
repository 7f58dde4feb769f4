/**
 * Thrift's compact protocol, walked before hyparquet makes objects of it: a list that claims to be long, or lists in lists, would
 * take memory without end for a few bytes.
 */

import { damaged } from "./unreadable.js"

const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12]
/** Structs and lists within each other; Parquet's have ten. */
const DEEPEST = 32
/** Bytes of a number of 64 bits. */
const LONGEST_NUMBER = 10

/**
 * @param most values of all kinds
 * @returns the offset behind the struct; undefined where the bytes end first
 * @throws Unreadable for what is no struct, or too large a one
 */
export function endOfStruct(bytes: Uint8Array, start: number, most: number): number | undefined {
  const walk = new Walk(bytes, start, most)
  return walk.struct(0) ? walk.at : undefined
}

/** Every step says whether there were enough bytes. */
class Walk {
  #values = 0

  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
    private readonly most: number,
  ) {}

  struct(depth: number): boolean {
    if (depth > DEEPEST) throw damaged("its description is nested too deeply")
    for (;;) {
      const head = this.bytes[this.at++]
      if (head === undefined) return false
      const type = head & 15
      if (type === STOP) return true
      if (head >> 4 === 0 && this.#number() === undefined) return false
      // The value of a field that is true or false is its type.
      this.#count(1)
      if (type !== TRUE && type !== FALSE && !this.#value(type, depth)) return false
    }
  }

  #value(type: number, depth: number): boolean {
    if (type === TRUE || type === FALSE || type === BYTE) return this.#skip(1)
    if (type === I16 || type === I32 || type === I64) return this.#number() !== undefined
    if (type === DOUBLE) return this.#skip(8)
    if (type === STRUCT) return this.struct(depth + 1)
    if (type === LIST) return this.#list(depth + 1)
    if (type !== BINARY) throw damaged("its description has a value of no known type")
    const length = this.#number()
    return length !== undefined && this.#skip(length)
  }

  #list(depth: number): boolean {
    if (depth > DEEPEST) throw damaged("its description is nested too deeply")
    const head = this.bytes[this.at++]
    if (head === undefined) return false
    const count = head >> 4 === 15 ? this.#number() : head >> 4
    if (count === undefined) return false
    this.#count(count)
    // Each has a byte at least.
    if (count > this.bytes.length - this.at) return false
    for (let i = 0; i < count; i++) if (!this.#value(head & 15, depth)) return false
    return true
  }

  #count(values: number): void {
    this.#values += values
    if (this.#values > this.most) throw damaged(`its description has more than ${this.most} values`)
  }

  #skip(bytes: number): boolean {
    this.at += bytes
    return this.at <= this.bytes.length
  }

  /** Exact as far as lengths go. */
  #number(): number | undefined {
    let value = 0
    for (let i = 0; i < LONGEST_NUMBER; i++) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) return undefined
      value += (byte & 127) * 2 ** (7 * i)
      if (byte < 128) return value
    }
    throw damaged("its description has a number of more than 64 bits")
  }
}
