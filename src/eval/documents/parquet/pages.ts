/** Where the pages of a Parquet column are: by the file's index, or by going from one page's header to the next. */

import type { AsyncBuffer, ColumnChunk } from "hyparquet"
import { parquetHeader } from "hyparquet/src/column.js"
import { readOffsetIndex } from "hyparquet/src/indexes.js"

export type PageLocation = ReturnType<typeof readOffsetIndex>["page_locations"][number]

/** Bytes that are looked at for a header; statistics of long texts need more. */
const HEADER_BYTES = 4 << 10
const LARGEST_HEADER = 16 << 20

/**
 * The data pages, each with its first row in the row group.
 * @param flat whether each value is a row, as in all columns but lists
 * @returns undefined where only unpacking would tell
 */
export async function findPages(
  file: AsyncBuffer,
  chunk: ColumnChunk,
  rows: number,
  flat: boolean,
): Promise<PageLocation[] | undefined> {
  const { offset_index_offset: index, offset_index_length: length, meta_data: column } = chunk
  if (index && length) {
    const start = Number(index)
    return readOffsetIndex({ view: new DataView(await file.slice(start, start + length)), offset: 0 }).page_locations
  }
  if (!column) return undefined
  const start = Number(column.dictionary_page_offset || column.data_page_offset)
  const end = start + Number(column.total_compressed_size)
  const pages: PageLocation[] = []
  let row = 0
  for (let offset = start; offset < end && row < rows; ) {
    const { header, bytes } = await headerAt(file, offset, end)
    const size = bytes + header.compressed_page_size
    if (header.type !== "DICTIONARY_PAGE") {
      const count = header.data_page_header_v2?.num_rows ?? (flat ? header.data_page_header?.num_values : undefined)
      if (count === undefined) return undefined
      pages.push({ offset: BigInt(offset), compressed_page_size: size, first_row_index: BigInt(row) })
      row += count
    }
    offset += size
  }
  return row === rows ? pages : undefined
}

async function headerAt(file: AsyncBuffer, offset: number, end: number) {
  for (let window = HEADER_BYTES; ; window *= 16) {
    const reader = { view: new DataView(await file.slice(offset, Math.min(offset + window, end))), offset: 0 }
    try {
      return { header: parquetHeader(reader), bytes: reader.offset }
    } catch (error) {
      if (offset + window >= end || window >= LARGEST_HEADER) throw error
    }
  }
}
