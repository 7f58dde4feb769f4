/** Parquet files, of which no more is in memory than what is read together. */

import { type FileMetaData, parquetMetadataAsync, parquetSchema } from "hyparquet"
import { UserError } from "../../../errors.js"
import { readable } from "../../../readable.js"
import { type FileBytes, openBytes } from "../file-bytes.js"
import type { Batch, Table } from "../table.js"
import { ParquetGroup, stringFromBytes } from "./row-group.js"

const FIX = "download the file again; if it stays so, the data is published damaged"

/** @throws UserError when the file is no Parquet, or damaged */
export async function openParquet(file: string): Promise<Table> {
  const bytes = await openBytes(file)
  try {
    return new ParquetTable(file, bytes, await readMetadata(file, bytes))
  } catch (error) {
    bytes.close()
    throw error
  }
}

async function readMetadata(file: string, bytes: FileBytes): Promise<FileMetaData> {
  const bad = (what: string, cause?: unknown): UserError =>
    new UserError(what, { where: readable(file, 200), fix: FIX, cause })
  const magic = async (start: number): Promise<string> => Buffer.from(await bytes.slice(start, start + 4)).toString()
  if (bytes.byteLength < 12) throw bad(`the file is no Parquet: it has ${bytes.byteLength} bytes`)
  const [first, last] = [await magic(0), await magic(bytes.byteLength - 4)]
  if (first === "PARE" || last === "PARE") throw bad("the Parquet file is encrypted")
  if (first !== "PAR1")
    throw bad(
      first === "vers" ? "the file is a pointer of git-lfs, the data itself is missing" : "the file is no Parquet",
    )
  if (last !== "PAR1") throw bad("the Parquet file is cut off: its end is missing")
  try {
    // Columns of geometry would be turned into objects; no benchmark has them.
    return await parquetMetadataAsync(bytes, { parsers: { stringFromBytes }, geoparquet: false })
  } catch (cause) {
    throw bad("the description at the end of the Parquet file is damaged", cause)
  }
}

class ParquetTable implements Table {
  readonly count: number
  readonly columns: readonly string[]
  readonly loose = false
  readonly textPictures = false
  /** First row of each group. */
  readonly #starts: number[] = []
  #group?: ParquetGroup
  /** What was read last, of all columns. */
  #last?: Batch

  constructor(
    readonly file: string,
    private readonly bytes: FileBytes,
    private readonly metadata: FileMetaData,
  ) {
    this.columns = parquetSchema(metadata).children.map(({ element }) => element.name)
    let start = 0
    for (const group of metadata.row_groups) {
      this.#starts.push(start)
      start += Number(group.num_rows)
    }
    this.count = start
    if (start !== Number(metadata.num_rows))
      throw new UserError(`the Parquet file says it has ${metadata.num_rows} rows, and has ${start}`, {
        where: readable(file, 200),
        fix: FIX,
      })
  }

  async batch(from: number, to: number, columns?: readonly string[]): Promise<Batch> {
    const last = this.#last
    if (!columns && last && from >= last.from && from < last.from + last.rows.length) return last
    // Not both in memory.
    if (!columns) this.#last = undefined
    const batch = await this.#groupOf(from).batch(from, to, columns ?? this.columns)
    if (!columns) this.#last = batch
    return batch
  }

  close(): void {
    this.#last = undefined
    this.#group = undefined
    this.bytes.close()
  }

  #groupOf(row: number): ParquetGroup {
    const at = this.#starts.findLastIndex((start) => start <= row)
    const [start, group] = [this.#starts[at], this.metadata.row_groups[at]]
    if (this.#group?.group !== group)
      this.#group = new ParquetGroup(
        readable(this.file, 200),
        this.bytes,
        this.metadata,
        group,
        start,
        Number(group.num_rows),
      )
    return this.#group
  }
}
