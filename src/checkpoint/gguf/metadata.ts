/** The metadata of a GGUF file: keys with values of thirteen types, lists of them and lists of lists. */
import type { UserError } from "../../errors.js"
import { label, shown } from "../../readable.js"
import type { Cursor } from "../cursor.js"

/** Lists of numbers are typed arrays, so that they take no more memory than in the file. */
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array
/** 64-bit whole numbers are numbers where these are exact, else bigints. */
export type GgufValue = number | bigint | boolean | string | GgufNumbers | GgufValue[]

export type Metadata = ReadonlyMap<string, GgufValue>

/** Texts, truth values and inner lists of a whole file: each becomes an object. Large vocabularies with merges have 1 million. */
const MOST_ITEMS = 1 << 22
const DEEPEST = 8
const LONGEST_KEY = 65_535

const STRING = 8
const BOOL = 7
const ARRAY = 9

const safe = (value: bigint): number | bigint => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

interface NumberType {
  bytes: number
  read(cursor: Cursor): number | bigint
  list(bytes: ArrayBuffer): GgufNumbers
}

const NUMBERS: Record<number, NumberType> = {
  0: { bytes: 1, read: (c) => c.u8(), list: (b) => new Uint8Array(b) },
  1: { bytes: 1, read: (c) => c.i8(), list: (b) => new Int8Array(b) },
  2: { bytes: 2, read: (c) => c.u16(), list: (b) => new Uint16Array(b) },
  3: { bytes: 2, read: (c) => c.i16(), list: (b) => new Int16Array(b) },
  4: { bytes: 4, read: (c) => c.u32(), list: (b) => new Uint32Array(b) },
  5: { bytes: 4, read: (c) => c.i32(), list: (b) => new Int32Array(b) },
  6: { bytes: 4, read: (c) => c.f32(), list: (b) => new Float32Array(b) },
  10: { bytes: 8, read: (c) => safe(c.u64()), list: (b) => new BigUint64Array(b) },
  11: { bytes: 8, read: (c) => safe(c.i64()), list: (b) => new BigInt64Array(b) },
  12: { bytes: 8, read: (c) => c.f64(), list: (b) => new Float64Array(b) },
}

/**
 * Reads so many keys with their values.
 * @param invalid the error for what cannot be in a GGUF file
 * @throws UserError naming the key
 */
export function readMetadata(cursor: Cursor, count: number, invalid: (reason: string) => UserError): Metadata {
  return new MetadataReader(cursor, invalid).read(count)
}

class MetadataReader {
  #items = 0
  /** What is read, for errors. */
  #key = ""

  constructor(
    readonly cursor: Cursor,
    readonly invalid: (reason: string) => UserError,
  ) {}

  read(count: number): Metadata {
    const metadata = new Map<string, GgufValue>()
    for (let i = 0; i < count; i++) {
      const key = readName(this.cursor, LONGEST_KEY)
      if (key === undefined) throw this.invalid(`the key of metadata ${i + 1} of ${count} is no text`)
      if (metadata.has(key)) throw this.invalid(`its metadata has the key ${shown(key)} twice`)
      this.#key = key
      this.#count(1)
      metadata.set(key, this.#value(this.cursor.u32(), 0))
    }
    return metadata
  }

  #fail(reason: string): UserError {
    return this.invalid(`metadata ${label(this.#key)}: ${reason}`)
  }

  #count(items: number): void {
    this.#items += items
    if (this.#items > MOST_ITEMS) throw this.#fail(`more than ${MOST_ITEMS} values are not read`)
  }

  #value(type: number, depth: number): GgufValue {
    if (Object.hasOwn(NUMBERS, type)) return NUMBERS[type].read(this.cursor)
    if (type === BOOL) return this.#bool()
    if (type === STRING) return this.#string()
    if (type === ARRAY) return this.#list(depth + 1)
    throw this.#fail(`its type has the number ${type}, and there are only 0 to 12`)
  }

  #bool(): boolean {
    const value = this.cursor.u8()
    if (value > 1) throw this.#fail(`a truth value is ${value}, not 0 or 1`)
    return value === 1
  }

  #string(): string {
    const text = this.cursor.text(this.cursor.length(1))
    if (text === undefined) throw this.#fail("a text is not UTF-8")
    return text
  }

  #list(depth: number): GgufValue {
    if (depth > DEEPEST) throw this.#fail(`lists inside lists, more than ${DEEPEST} deep`)
    const type = this.cursor.u32()
    if (Object.hasOwn(NUMBERS, type)) {
      const { bytes, list } = NUMBERS[type]
      const length = this.cursor.length(bytes)
      return list(this.cursor.bytes(length * bytes).buffer)
    }
    // The least that an item takes in the file: its length, or its type and length.
    const length = this.cursor.length(type === STRING ? 8 : type === ARRAY ? 12 : 1)
    this.#count(length)
    const values: GgufValue[] = []
    for (let i = 0; i < length; i++) values.push(this.#value(type, depth))
    return values
  }
}

/** A key or the name of a tensor: a text with its length before it; undefined where it is none. */
export function readName(cursor: Cursor, longest: number): string | undefined {
  const length = cursor.length(1)
  return length > longest ? undefined : cursor.text(length)
}
