/** Zip archives whose files are stored as they are, uncompressed, so that each is a place in the archive. */
import type { UserError } from "../../errors.js"
import { label } from "../../readable.js"
import { Cursor } from "../cursor.js"

export interface StoredFile {
  /** From the start of the archive. */
  offset: number
  bytes: number
}

interface Entry {
  name: string
  compressed: boolean
  bytes: number
  /** Of the file's own header. */
  header: number
}

const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const DIRECTORY = 0x02014b50
const LOCAL = 0x04034b50
/** Bytes of the records without their variable parts. */
const END_BYTES = 22
const LOCATOR_BYTES = 20
const END_64_BYTES = 56
const DIRECTORY_BYTES = 46
const LOCAL_BYTES = 30
const LONGEST_COMMENT = 0xffff

/** Each tensor is a file, and there are a few more. */
const MOST_FILES = 1 << 18

/** Names in their order, and where each file lies. */
export class StoredZip {
  readonly #entries = new Map<string, Entry>()

  /**
   * Reads the directory of an archive.
   * @throws UserError for one that is damaged
   */
  constructor(
    readonly descriptor: number,
    readonly file: string,
    readonly fileBytes: number,
    readonly invalid: (reason: string) => UserError,
  ) {
    const { count, offset, bytes } = this.#directory()
    if (offset + bytes > fileBytes) throw invalid("the directory of its archive lies beyond its end")
    if (count > MOST_FILES || count * DIRECTORY_BYTES > bytes)
      throw invalid(`the directory of its archive cannot hold ${count} files`)
    const cursor = this.#at(offset, offset + bytes)
    for (let i = 0; i < count; i++) {
      const entry = this.#entry(cursor)
      if (this.#entries.has(entry.name)) throw invalid(`its archive holds ${label(entry.name)} twice`)
      this.#entries.set(entry.name, entry)
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()]
  }

  /**
   * Where a file's bytes lie; undefined where there is none of this name.
   * @throws UserError for one that is compressed, or lies outside the archive
   */
  find(name: string): StoredFile | undefined {
    const entry = this.#entries.get(name)
    if (!entry) return undefined
    if (entry.compressed) throw this.invalid(`${label(name)} in its archive is compressed, which torch.save never does`)
    const local = this.#at(entry.header, entry.header + LOCAL_BYTES)
    if (local.u32() !== LOCAL) throw this.invalid(`the archive's own header of ${label(name)} is damaged`)
    local.skip(22)
    // The name and the padding that aligns the data.
    const offset = entry.header + LOCAL_BYTES + local.u16() + local.u16()
    if (offset + entry.bytes > this.fileBytes)
      throw this.invalid(`${label(name)} reaches beyond the end of its archive`)
    return { offset, bytes: entry.bytes }
  }

  #at(start: number, end: number): Cursor {
    const tooShort = (): UserError => this.invalid("its archive is damaged")
    if (start > this.fileBytes) throw tooShort()
    return new Cursor(this.descriptor, this.file, Math.min(end, this.fileBytes), tooShort, start)
  }

  /** What the record at the end, or its 64-bit form, says of the directory. */
  #directory(): { count: number; offset: number; bytes: number } {
    const start = Math.max(0, this.fileBytes - END_BYTES - LONGEST_COMMENT)
    const tail = this.#at(start, this.fileBytes).bytes(this.fileBytes - start)
    const view = new DataView(tail.buffer)
    let end = tail.length - END_BYTES
    while (end >= 0 && view.getUint32(end, true) !== END) end--
    if (end < 0) throw this.invalid("its archive has no end: the file is incomplete")
    const found = {
      count: view.getUint16(end + 10, true),
      bytes: view.getUint32(end + 12, true),
      offset: view.getUint32(end + 16, true),
    }
    const locator = end - LOCATOR_BYTES
    if (locator < 0 || view.getUint32(locator, true) !== LOCATOR_64) return found
    const place = this.#number(view.getBigUint64(locator + 8, true))
    const large = this.#at(place, place + END_64_BYTES)
    if (large.u32() !== END_64) throw this.invalid("the end of its archive is damaged")
    large.skip(28)
    const count = this.#number(large.u64())
    const bytes = this.#number(large.u64())
    return { count, bytes, offset: this.#number(large.u64()) }
  }

  #entry(cursor: Cursor): Entry {
    if (cursor.u32() !== DIRECTORY) throw this.invalid("the directory of its archive is damaged")
    cursor.skip(6)
    const method = cursor.u16()
    cursor.skip(8)
    let packed = cursor.u32()
    let bytes = cursor.u32()
    const [nameBytes, extraBytes, commentBytes] = [cursor.u16(), cursor.u16(), cursor.u16()]
    cursor.skip(8)
    let header = cursor.u32()
    const name = cursor.text(nameBytes)
    if (name === undefined) throw this.invalid("the name of a file in its archive is no text")
    // Numbers of 64 bits stand in an extra field, those that need it and in this order.
    const extra = cursor.bytes(extraBytes)
    const large = largeNumbers(extra)
    const next = (value: number): number => {
      if (value !== 0xffffffff) return value
      const number = large.shift()
      if (number === undefined) throw this.invalid(`the size or place of ${label(name)} in its archive is not said`)
      return this.#number(number)
    }
    bytes = next(bytes)
    packed = next(packed)
    header = next(header)
    cursor.skip(commentBytes)
    if (method === 0 && packed !== bytes)
      throw this.invalid(`the size of ${label(name)} in its archive is said in two ways`)
    return { name, compressed: method !== 0, bytes, header }
  }

  #number(value: bigint): number {
    const number = Number(value)
    if (!Number.isSafeInteger(number)) throw this.invalid(`its archive names a place beyond any file, ${value}`)
    return number
  }
}

/** Those of the extra field with the number 1. */
function largeNumbers(extra: Uint8Array): bigint[] {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.length)
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue
    const end = Math.min(extra.length, at + 4 + view.getUint16(at + 2, true))
    const numbers: bigint[] = []
    for (let place = at + 4; place + 8 <= end; place += 8) numbers.push(view.getBigUint64(place, true))
    return numbers
  }
  return []
}
