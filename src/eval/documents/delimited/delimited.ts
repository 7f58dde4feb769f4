/** TSV and CSV files: rows by number, of which only the places are held in memory. */

import { closeSync, fstatSync, readSync } from "node:fs"
import { decodeUtf8, foreignFormat } from "../../../data/encoding.js"
import { openDataFile } from "../../../data/json-array.js"
import { UserError } from "../../../errors.js"
import { label, readable } from "../../../readable.js"
import type { Doc } from "../../task/task.js"
import { MOST_ROWS, type Table } from "../table.js"
import { RowScanner, splitFields } from "./scanner.js"

const CHUNK = 1 << 20
/** Bytes of a row; one with a picture has some hundred thousand. */
const LARGEST_ROW = 64 << 20
const MOST_COLUMNS = 4096
/** Characters of a field that are copied, so that a short text does not keep the whole row with its picture in memory. */
const COPIED = 1 << 16

/**
 * The first row names the columns. An empty field is null.
 * @throws UserError when the file is missing, no text in UTF-8, or a quote is not closed
 */
export async function openDelimited(file: string, separator: "\t" | ","): Promise<Table> {
  const descriptor = openDataFile(file)
  try {
    return new DelimitedTable(file, descriptor, separator)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

class DelimitedTable implements Table {
  readonly count: number
  readonly columns: readonly string[]
  readonly loose = false
  readonly textPictures = true
  readonly #offsets: Float64Array
  readonly #separator: string
  /** Rows by what stands in the column "index". */
  #byIndex?: Map<string, number>

  constructor(
    readonly file: string,
    private readonly descriptor: number,
    separator: string,
  ) {
    this.#separator = separator === "," ? this.#commaOrSemicolon() : separator
    this.#offsets = this.#scan()
    if (this.#offsets.length === 0) throw this.#bad("the file is empty", "its first row names the columns")
    this.columns = this.#fields(0, MOST_COLUMNS).map((name, i) => (i === 0 ? name.replace(/^\ufeff/, "") : name))
    if (this.columns.length > MOST_COLUMNS)
      throw this.#bad(`the file has more than ${MOST_COLUMNS} columns`, "leave some out")
    const seen = new Set<string>()
    const twice = this.columns.find((name) => seen.size === seen.add(name).size)
    if (twice !== undefined) throw this.#bad(`two columns are called ${label(twice)}`, "rename one of them")
    this.count = this.#offsets.length / 2 - 1
  }

  async row(row: number, columns?: readonly string[]): Promise<Doc> {
    const doc = this.#row(row)
    return columns ? Object.fromEntries(columns.map((column) => [column, doc[column]])) : doc
  }

  /** MMBench's file writes a picture once; other rows have the index of the row that has it. */
  async shared(name: string): Promise<unknown> {
    if (!/^\d+$/.test(name) || !this.columns.includes("index") || !this.columns.includes("image")) return undefined
    this.#byIndex ??= this.#indexes()
    const row = this.#byIndex.get(name)
    const image = row === undefined ? undefined : this.#row(row).image
    // A row that has no picture of its own would go on to the next.
    return typeof image === "string" && /^\d+$/.test(image) ? undefined : image
  }

  close(): void {
    closeSync(this.descriptor)
  }

  #row(row: number): Doc {
    const fields = this.#fields(row + 1, this.columns.length)
    if (fields.length !== this.columns.length)
      throw this.#bad(
        `the row has ${fields.length > this.columns.length ? "more" : fields.length} fields, and the file ${this.columns.length} columns`,
        "write the file again; a field with separators, quotes or line breaks stands in quotes",
        `, row ${row}`,
      )
    return Object.fromEntries(this.columns.map((name, i) => [name, fields[i] === "" ? null : fields[i]]))
  }

  /** @param most fields; one more tells that there are more */
  #fields(line: number, most: number): string[] {
    const start = this.#offsets[2 * line]
    const size = this.#offsets[2 * line + 1] - start
    if (size > LARGEST_ROW)
      throw this.#bad(
        `the row has ${Math.ceil(size / 2 ** 20)} MiB, more than the ${LARGEST_ROW >> 20} allowed`,
        "look for a quote that is not closed where it should be, or keep pictures in files of their own",
        line === 0 ? ", first row" : `, row ${line - 1}`,
      )
    const bytes = Buffer.alloc(size)
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.descriptor, bytes, done, bytes.length - done, start + done)
      if (read === 0) throw this.#bad("the file has become shorter while it was read", "run it again")
      done += read
    }
    const text = decodeUtf8(bytes)
    if (typeof text === "string") return splitFields(text, this.#separator, most + 1).map(own)
    throw this.#bad(
      `the row is not UTF-8 (from byte ${start + text.badByte})`,
      "save the file as UTF-8",
      `, row ${line - 1}`,
    )
  }

  #indexes(): Map<string, number> {
    const rows = new Map<string, number>()
    const column = this.columns.indexOf("index")
    for (let row = 0; row < this.count; row++) rows.set(this.#fields(row + 1, column)[column], row)
    return rows
  }

  /** Programs write semicolons where commas stand in numbers. */
  #commaOrSemicolon(): string {
    const buffer = Buffer.alloc(CHUNK)
    const head = buffer.toString("latin1", 0, readSync(this.descriptor, buffer, 0, CHUNK, 0))
    const [names] = head.replaceAll(/"[^"]*"/g, "").split("\n")
    return !names.includes(",") && names.includes(";") ? ";" : ","
  }

  #scan(): Float64Array {
    const scanner = new RowScanner(this.#separator.charCodeAt(0))
    const buffer = new Uint8Array(CHUNK)
    const { size } = fstatSync(this.descriptor)
    for (let position = 0; position < size; ) {
      const read = readSync(this.descriptor, buffer, 0, CHUNK, position)
      if (read === 0) break
      const foreign = position === 0 ? foreignFormat(buffer.subarray(0, read)) : undefined
      if (foreign) throw this.#bad(`the file is ${foreign.what}, not text in UTF-8`, foreign.fix)
      scanner.push(buffer.subarray(0, read))
      position += read
      if (scanner.offsets.length > 2 * MOST_ROWS)
        throw this.#bad(`the file has more than ${MOST_ROWS} rows`, "divide it into several files")
    }
    const open = scanner.end()
    if (open !== undefined)
      throw this.#bad(`a quote is never closed (from byte ${open})`, "download the file again if it was cut off")
    return Float64Array.from(scanner.offsets)
  }

  #bad(what: string, fix: string, row = ""): UserError {
    return new UserError(what, { where: `${readable(this.file, 200)}${row}`, fix })
  }
}

/** Short parts of a long text share its memory. */
const own = (field: string): string =>
  field.length > 12 && field.length <= COPIED ? Buffer.from(field).toString() : field
