/** Rows and fields of text between separators, quoted as RFC 4180 has it. Knows no files. */

const QUOTE = 0x22
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Finds where rows begin and end in bytes that come in pieces of any size; blank lines are no rows. */
export class RowScanner {
  /** First byte of each row and the byte after its last one, its line's end left out, alternating. */
  readonly offsets: number[] = []
  #position = 0
  #start = 0
  /** Within quotes, and where they began. */
  #quoted = false
  #opened = 0
  /** Whether a quote here would open a field. */
  #fieldStart = true
  #last = 0

  /** @param separator the byte between fields */
  constructor(private readonly separator: number) {}

  push(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]
      if (this.#quoted) {
        // Most bytes are within quotes. A doubled quote closes and opens again.
        const quote = chunk.indexOf(QUOTE, i)
        i = quote < 0 ? chunk.length : quote
        if (quote >= 0) {
          this.#quoted = false
          this.#last = QUOTE
        }
        continue
      }
      if (byte === QUOTE && (this.#fieldStart || this.#last === QUOTE)) {
        this.#quoted = true
        if (this.#fieldStart) this.#opened = this.#position + i
      } else if (byte === LINE_FEED) this.#end(this.#position + i)
      this.#fieldStart = byte === this.separator || byte === LINE_FEED
      this.#last = byte === QUOTE ? 0 : byte
    }
    this.#position += chunk.length
  }

  /** @returns the offset of a quote that is never closed */
  end(): number | undefined {
    if (this.#quoted) return this.#opened
    this.#end(this.#position)
    return undefined
  }

  #end(end: number): void {
    const bytes = end - (this.#last === CARRIAGE_RETURN && end > this.#start ? 1 : 0)
    if (bytes > this.#start) this.offsets.push(this.#start, bytes)
    this.#start = end + 1
  }
}

/** The fields of one row, at most so many. What follows a closing quote belongs to the field, as pandas reads it. */
export function splitFields(row: string, separator: string, most = Number.POSITIVE_INFINITY): string[] {
  const fields: string[] = []
  for (let at = 0; fields.length < most; ) {
    let field = ""
    if (row[at] === '"') {
      for (at++; at < row.length; ) {
        const quote = row.indexOf('"', at)
        const end = quote < 0 ? row.length : quote
        field += row.slice(at, end)
        at = end + 1
        if (row[at] !== '"') break
        field += '"'
        at++
      }
    }
    const next = row.indexOf(separator, at)
    const end = next < 0 ? row.length : next
    fields.push(field + row.slice(at, end))
    if (next < 0) break
    at = next + 1
  }
  return fields
}
