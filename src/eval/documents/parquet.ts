/** Parquet files, read a row group at a time, or in pieces of one where the file says where its pages are. */

import { type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema, type RowGroup } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import { UserError } from "../../errors.js"
import { label, readable } from "../../readable.js"
import type { Doc } from "../task/task.js"
import { type FileBytes, openBytes } from "./file-bytes.js"
import { plainValue } from "./plain-value.js"
import type { Batch, Table } from "./table.js"

/** Unpacked bytes that are read at a time where pages can be found; else a row group is read whole. */
const BATCH_BYTES = 16 << 20

const FIX = "download the file again; if it stays so, the data is published damaged"

/** Without a byte order mark being taken off, as a TextDecoder does. */
const stringFromBytes = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")

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
  #groups: { start: number; rows: number; group: RowGroup }[] = []
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
      const rows = Number(group.num_rows)
      this.#groups.push({ start, rows, group })
      start += rows
    }
    this.count = start
    if (start !== Number(metadata.num_rows))
      throw new UserError(`the Parquet file says it has ${metadata.num_rows} rows, and has ${start}`, {
        where: readable(file, 200),
        fix: FIX,
      })
  }

  async batch(from: number, to: number, columns?: readonly string[]): Promise<Batch> {
    if (!columns && this.#last && from >= this.#last.from && from < this.#last.from + this.#last.rows.length)
      return this.#last
    const { start, rows, group } = this.#groups.findLast(({ start }) => start <= from)!
    const wanted = group.columns.filter(({ meta_data }) => columns?.includes(meta_data!.path_in_schema[0]) ?? true)
    const size = wanted.reduce((sum, { meta_data }) => sum + Number(meta_data!.total_uncompressed_size), 0)
    const pages = wanted.every(({ offset_index_length }) => offset_index_length)
    // Without an index of pages each piece would unpack all of the group before it.
    const whole = !pages || size <= BATCH_BYTES
    const most = Math.max(1, Math.floor((rows * BATCH_BYTES) / size))
    const [first, last] = whole ? [start, start + rows] : [from, Math.min(from + most, to, start + rows)]
    // Not both in memory.
    if (!columns) this.#last = undefined
    const docs: Record<string, unknown>[] = Array.from({ length: last - first }, () => ({}))
    for (const column of columns ?? this.columns) {
      const values = await this.#column(column, first, last, !whole)
      for (const [i, doc] of docs.entries()) doc[column] = values[i]
    }
    const batch: Batch = { rows: docs as Doc[], from: first }
    if (!columns) this.#last = batch
    return batch
  }

  async #column(column: string, rowStart: number, rowEnd: number, useOffsetIndex: boolean): Promise<unknown[]> {
    try {
      const rows = await parquetReadObjects({
        file: this.bytes,
        metadata: this.metadata,
        compressors,
        columns: [column],
        rowStart,
        rowEnd,
        // Bytes that no annotation calls text are a picture.
        utf8: false,
        useOffsetIndex,
        parsers: { stringFromBytes },
      })
      if (rows.length !== rowEnd - rowStart) throw new Error(`${rows.length} rows`)
      return rows.map((row) => plainValue(row[column]))
    } catch (cause) {
      const codec = /compression codec:? ?(\w+)/.exec((cause as Error).message)?.[1]
      const what = codec
        ? `is packed in a way that is not known here (${codec})`
        : "cannot be read: the file is damaged"
      throw new UserError(`the column ${label(column)} ${what}`, {
        where: `${readable(this.file, 200)}, rows ${rowStart} to ${rowEnd - 1}`,
        fix: codec ? "write the file again with Snappy or zstd, for example with pyarrow" : FIX,
        cause,
      })
    }
  }

  close(): void {
    this.#last = undefined
    this.bytes.close()
  }
}
