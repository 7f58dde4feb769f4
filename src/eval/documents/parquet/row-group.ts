/**
 * One row group of a Parquet file. Columns of little data are unpacked once; of large ones, pictures mostly, only the pages
 * that are asked for, since some files have all of their rows in one group.
 */

import { type ColumnChunk, type FileMetaData, parquetSchema, type RowGroup } from "hyparquet"
import { parquetPlanGroup } from "hyparquet/src/plan.js"
import { assembleAsync, asyncGroupToRows, readRowGroup } from "hyparquet/src/rowgroup.js"
import { getMaxRepetitionLevel, getTreePath } from "hyparquet/src/schema.js"
import { compressors } from "hyparquet-compressors"
import { UserError } from "../../../errors.js"
import { label } from "../../../readable.js"
import type { Doc } from "../../task/task.js"
import type { FileBytes } from "../file-bytes.js"
import { plainValue } from "../plain-value.js"
import type { Batch } from "../table.js"
import { findPages, type PageLocation } from "./pages.js"

/** Unpacked bytes up to which a column is kept whole. */
const SMALL_COLUMN = 4 << 20
/** Bytes of pages that are read at a time. */
const BATCH_BYTES = 16 << 20

/** Without a byte order mark being taken off, as a TextDecoder does. */
export const stringFromBytes = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")

type Pages = ReadonlyMap<ColumnChunk, PageLocation[]>

export class ParquetGroup {
  /** Of columns that are kept whole. */
  readonly #values = new Map<string, unknown[]>()
  /** Of all large columns whose pages can be found. */
  #pages?: Promise<Pages>

  /** @param start the group's first row in the file */
  constructor(
    readonly file: string,
    readonly bytes: FileBytes,
    readonly metadata: FileMetaData,
    readonly group: RowGroup,
    readonly start: number,
    readonly rows: number,
  ) {}

  /** The rows `from` to `to` of the file as far as they are in the group and fit; rows before them that come with them. */
  async batch(from: number, to: number, columns: readonly string[]): Promise<Batch> {
    this.#pages ??= this.#findPages()
    const pages = await this.#pages
    const paged = [...pages].filter(([chunk]) => columns.includes(columnOf(chunk)))
    const [first, last] = pieceOf(paged, from - this.start, to - this.start, this.rows)
    const docs: Record<string, unknown>[] = Array.from({ length: last - first }, () => ({}))
    for (const column of columns) {
      const isPaged = paged.some(([chunk]) => columnOf(chunk) === column)
      const values = isPaged ? await this.#read(column, first, last, pages) : await this.#whole(column)
      for (const [i, doc] of docs.entries()) doc[column] = values[isPaged ? i : first + i]
    }
    return { rows: docs as Doc[], from: this.start + first }
  }

  async #whole(column: string): Promise<unknown[]> {
    const values = this.#values.get(column) ?? (await this.#read(column, 0, this.rows, new Map()))
    this.#values.set(column, values)
    return values
  }

  async #findPages(): Promise<Pages> {
    const pages = new Map<ColumnChunk, PageLocation[]>()
    const tree = parquetSchema(this.metadata)
    for (const chunk of this.group.columns) {
      if (Number(chunk.meta_data?.total_uncompressed_size ?? 0) <= SMALL_COLUMN) continue
      const flat = getMaxRepetitionLevel(getTreePath(tree, chunk.meta_data?.path_in_schema ?? [])) === 0
      // What is wrong with its pages shows when they are read.
      const found = await findPages(this.bytes, chunk, this.rows, flat).catch(() => undefined)
      if (found?.length) pages.set(chunk, found)
    }
    return pages
  }

  /** Rows of the group. */
  async #read(column: string, first: number, last: number, pages: Pages): Promise<unknown[]> {
    const { metadata, group: rowGroup, start: groupStart, rows: groupRows } = this
    const options = {
      file: this.bytes,
      metadata,
      compressors,
      // Bytes that no annotation calls text are a picture.
      utf8: false,
      parsers: { stringFromBytes },
    }
    const pageLocations = Object.fromEntries(
      [...pages].map(([chunk, locations]) => [chunk.meta_data?.path_in_schema.join("."), locations]),
    )
    try {
      const ranges: [number, number][] = [[first, last]]
      const plan = parquetPlanGroup({ rowGroup, groupStart, groupRows, ranges, columns: [column], pageLocations })
      const read = readRowGroup(options, { metadata, rowStart: 0, ...plan }, plan.groups[0])
      const assembled = assembleAsync(read, parquetSchema(metadata), options.parsers)
      const rows = await asyncGroupToRows(assembled, first, last, [column], "object")
      return rows.map((row) => plainValue(row[column]))
    } catch (cause) {
      if (cause instanceof UserError) throw cause
      const codec = /compression codec:? ?(\w+)/.exec((cause as Error).message)?.[1]
      const what = codec
        ? `is packed in a way that is not known here (${codec})`
        : "cannot be read: the file is damaged"
      throw new UserError(`the column ${label(column)} ${what}`, {
        where: `${this.file}, rows ${groupStart + first} to ${groupStart + last - 1}`,
        fix: codec
          ? "write the file again with Snappy or zstd, for example with pyarrow"
          : "download the file again; if it stays so, the data is published damaged",
        cause,
      })
    }
  }
}

const columnOf = (chunk: ColumnChunk): string => chunk.meta_data?.path_in_schema[0] ?? ""

/** Rows of the group that are read together: whole pages of the largest column, so that none is unpacked twice. */
function pieceOf(
  paged: readonly (readonly [ColumnChunk, readonly PageLocation[]])[],
  from: number,
  to: number,
  rows: number,
): [first: number, last: number] {
  if (paged.length === 0) return [0, rows]
  const size = ([{ meta_data }]: (typeof paged)[0]): number => Number(meta_data?.total_compressed_size ?? 0)
  const [, pages] = paged.reduce((a, b) => (size(b) > size(a) ? b : a))
  const firstRow = (page: number): number => (page < pages.length ? Number(pages[page].first_row_index) : rows)
  let page = Math.max(
    0,
    pages.findLastIndex((_, i) => firstRow(i) <= from),
  )
  const first = firstRow(page)
  for (let bytes = 0; page < pages.length && bytes < BATCH_BYTES && firstRow(page) < to; page++)
    bytes += pages[page].compressed_page_size
  return [first, Math.max(firstRow(page), from + 1)]
}
