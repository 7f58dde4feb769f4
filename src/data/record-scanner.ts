/** Finds the records of a JSON array or of JSONL in a stream of bytes. Knows no files and parses nothing. */

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/** What may come next outside of a record. */
type Place = "start" | "first record" | "separator" | "record" | "end of file" | "line"

/** Something is wrong with the bytes; `at` is the offset of the first wrong one. */
export class MalformedRecords extends Error {
  /** @param line a byte of the line to look at, if it is not that of `at` */
  constructor(
    what: string,
    readonly at: number,
    readonly line = at,
  ) {
    super(`${what} at byte ${at}`)
  }
}

/**
 * Give it the bytes in pieces of any size, then call `end`. Outside of records every byte is checked; a record is only
 * followed to its closing bracket, so its own mistakes show when it is parsed.
 */
export class RecordScanner {
  /** First byte of each record and the byte after its last one, alternating. */
  readonly offsets: number[] = []
  #position = 0
  #place: Place = "start"
  #depth = 0
  #inString = false
  /** Bytes of the next chunk that are part of an escape. */
  #skip = 0
  #start = 0

  /** @throws MalformedRecords */
  push(chunk: Uint8Array): void {
    const base = this.#position
    const length = chunk.length
    let depth = this.#depth
    let inString = this.#inString
    // A chunk may end between a backslash and the character it escapes.
    let i = this.#skip
    while (i < length) {
      if (inString) {
        // Most bytes are in strings: a loop of their own.
        while (i < length) {
          const byte = chunk[i]
          if (byte === QUOTE) {
            inString = false
            break
          }
          i += byte === BACKSLASH ? 2 : 1
        }
        if (inString) break
      } else {
        const byte = chunk[i]
        if (depth === 0) {
          if (this.#outside(byte, base + i)) depth = 1
        } else if (byte === QUOTE) {
          inString = true
        } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
          depth++
        } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          if (--depth === 0) this.offsets.push(this.#start, base + i + 1)
        }
      }
      i++
    }
    this.#skip = i - length
    this.#depth = depth
    this.#inString = inString
    this.#position = base + length
  }

  /** @throws MalformedRecords when the bytes end too early */
  end(): void {
    const at = this.#position
    if (this.#depth > 0)
      throw new MalformedRecords(`the record that begins at byte ${this.#start} has no end`, at, this.#start)
    if (this.#place === "start") throw new MalformedRecords("there is nothing in the file: it ends", at)
    if (this.#place !== "end of file" && this.#place !== "line")
      throw new MalformedRecords("the array has no closing bracket: the file ends", at)
  }

  /** Takes a byte between records; true when a record begins with it. */
  #outside(byte: number, at: number): boolean {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return false
    const opens = byte === OPEN_BRACE || (byte === OPEN_BRACKET && this.#place !== "line")
    switch (this.#place) {
      case "start":
        if (at < 3 && byte === BYTE_ORDER_MARK[at]) return false
        if (byte === OPEN_BRACKET) this.#place = "first record"
        else if (byte === OPEN_BRACE) return this.#begin("line", at)
        else throw new MalformedRecords("this is neither a JSON array nor JSONL", at)
        return false
      case "first record":
      case "record":
        if (opens) return this.#begin("separator", at)
        if (byte !== CLOSE_BRACKET || this.#place === "record")
          throw new MalformedRecords("there is something else than a record", at)
        this.#place = "end of file"
        return false
      case "separator":
        if (byte === COMMA) this.#place = "record"
        else if (byte === CLOSE_BRACKET) this.#place = "end of file"
        else throw new MalformedRecords("a comma or the closing bracket is missing", at)
        return false
      case "line":
        if (opens) return this.#begin("line", at)
        throw new MalformedRecords("there is something else than a record", at)
      case "end of file":
        throw new MalformedRecords("there is something after the array", at)
    }
  }

  /** @param next what may come after the record */
  #begin(next: Place, at: number): true {
    this.#place = next
    this.#start = at
    return true
  }
}
