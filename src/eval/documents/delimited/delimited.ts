/** TSV and CSV files: rows by number, of which only the places are held in memory. */

import { closeSync, fstatSync, readSync } from "node:fs"
import { decodeUtf8, foreignFormat } from "../../../data/encoding.js"
import { openDataFile } from "../../../data/json-array.js"
import { UserError } from "../../../errors.js"
import { readable } from "../../../readable.js"
import type { Doc } from "../../task/task.js"
import type { Batch, Table } from "../table.js"
import { RowScanner, splitFields } from "./scanner.js"

const CHUNK = 1 << 20

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
  /** Rows by what stands in the column "index". */
  #byIndex?: Map<string, number>

  constructor(
    readonly file: string,
    private readonly descriptor: number,
    private readonly separator: string,
  ) {
    this.#offsets = this.#scan()
    if (this.#offsets.length === 0) throw this.#bad("the file is empty", "its first row names the columns")
    this.columns = this.#fields(0).map((name, i) => (i === 0 ? name.replace(/^\ufeff/, "") : name))
    const twice = this.columns.find((name, i) => this.columns.indexOf(name) !== i)
    if (twice !== undefined) throw this.#bad(`two columns are called ${JSON.stringify(twice)}`, "rename one of them")
    this.count = this.#offsets.length / 2 - 1
  }

  async batch(from: number): Promise<Batch> {
    return { rows: [this.#row(from)], from }
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
    const fields = this.#fields(row + 1)
    if (fields.length !== this.columns.length)
      throw this.#bad(
        `the row has ${fields.length} fields, and the file ${this.columns.length} columns`,
        "write the file again; a field with separators, quotes or line breaks stands in quotes",
        `, row ${row}`,
      )
    return Object.fromEntries(this.columns.map((name, i) => [name, fields[i] === "" ? null : fields[i]]))
  }

  #fields(line: number): string[] {
    const start = this.#offsets[2 * line]
    const bytes = Buffer.alloc(this.#offsets[2 * line + 1] - start)
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.descriptor, bytes, done, bytes.length - done, start + done)
      if (read === 0) throw this.#bad("the file has become shorter while it was read", "run it again")
      done += read
    }
    const text = decodeUtf8(bytes)
    if (typeof text === "string") return splitFields(text, this.separator)
    throw this.#bad(
      `the row is not UTF-8 (from byte ${start + text.badByte})`,
      "save the file as UTF-8",
      `, row ${line - 1}`,
    )
  }

  #indexes(): Map<string, number> {
    const rows = new Map<string, number>()
    const column = this.columns.indexOf("index")
    for (let row = 0; row < this.count; row++) rows.set(this.#fields(row + 1)[column], row)
    return rows
  }

  #scan(): Float64Array {
    const scanner = new RowScanner(this.separator.charCodeAt(0))
    const buffer = new Uint8Array(CHUNK)
    const { size } = fstatSync(this.descriptor)
    for (let position = 0; position < size; ) {
      const read = readSync(this.descriptor, buffer, 0, CHUNK, position)
      if (read === 0) break
      const foreign = position === 0 ? foreignFormat(buffer.subarray(0, read)) : undefined
      if (foreign) throw this.#bad(`the file is ${foreign.what}, not text in UTF-8`, foreign.fix)
      scanner.push(buffer.subarray(0, read))
      position += read
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
