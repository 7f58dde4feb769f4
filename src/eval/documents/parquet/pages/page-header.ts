/** Headers of pages, checked: sizes and counts are what memory is taken for. */

import { parquetHeader } from "hyparquet/src/column.js"
import type { FileBytes } from "../../file-bytes.js"
import type { Leaf } from "../leaf.js"
import { endOfStruct } from "../thrift.js"
import { damaged, Unreadable } from "../unreadable.js"

export type Header = ReturnType<typeof parquetHeader>

/** A page where it lies in the file. */
export interface PlacedPage {
  /** Of what stands behind the header. */
  offset: number
  header: Header
}

/** Bytes that are looked at for a header; statistics of long texts need more. */
const HEADER_BYTES = 4 << 10
const LARGEST_HEADER = 16 << 20
/** Statistics are two values. */
const MOST_VALUES = 1000
/** Unpacked. A thousand photographs, which some writers put into one page, have less. */
export const LARGEST_PAGE = 512 << 20
/** Values of a page, and of one of lists or structs, where each takes a list for each level. */
const MOST_FLAT = 1 << 24
const MOST_NESTED = 1 << 22
/** What a way of packing may add to what it cannot pack. */
const PACKED_MORE = 1024

/**
 * The page that begins at `offset`.
 * @param end behind the column's last page
 * @throws Unreadable when it is none, or larger than what is read
 */
export async function readHeader(file: FileBytes, offset: number, end: number, leaf: Leaf): Promise<PlacedPage> {
  for (let window = HEADER_BYTES; ; window *= 16) {
    const bytes = new Uint8Array(await file.slice(offset, Math.min(offset + window, end)))
    const length = endOfStruct(bytes, 0, MOST_VALUES)
    if (length !== undefined) {
      const header = slim(parquetHeader({ view: new DataView(bytes.buffer), offset: 0 }))
      requireSizes(header, end - offset - length, leaf)
      return { offset: offset + length, header }
    }
    if (offset + window >= end || window >= LARGEST_HEADER) throw damaged("a page has no header")
  }
}

/** Without statistics, which hold on to the bytes that they were read from. */
function slim({ data_page_header: v1, data_page_header_v2: v2, ...header }: Header): Header {
  return {
    ...header,
    ...(v1 && { data_page_header: { ...v1, statistics: undefined } }),
    ...(v2 && { data_page_header_v2: { ...v2, statistics: undefined } }),
  } as Header
}

function requireSizes(header: Header, left: number, leaf: Leaf): void {
  const { compressed_page_size: packed, uncompressed_page_size: unpacked } = header
  const sound = (size: number | undefined): size is number => Number.isInteger(size) && (size as number) >= 0
  if (!sound(packed) || packed > left) throw damaged("a page is larger than its column")
  if (!sound(unpacked)) throw damaged("a page of less than nothing")
  if (unpacked > LARGEST_PAGE)
    throw new Unreadable(
      `has a page of ${Math.ceil(unpacked / 2 ** 20)} MiB, more than the ${LARGEST_PAGE >> 20} that are read`,
      "write the file with smaller pages (pyarrow: data_page_size, write_batch_size)",
    )
  if (packed > 1.25 * unpacked + PACKED_MORE) throw damaged("a page is larger packed than unpacked")
  if (header.type === "DICTIONARY_PAGE") {
    const count = header.dictionary_page_header?.num_values
    if (!sound(count) || count > unpacked * 8) throw damaged("its dictionary has more values than bits")
    return
  }
  if (header.type !== "DATA_PAGE" && header.type !== "DATA_PAGE_V2") return
  const v2 = header.data_page_header_v2
  const count = (header.type === "DATA_PAGE" ? header.data_page_header : v2)?.num_values
  if (!sound(count)) throw damaged("a page does not say how many values it has")
  const most = leaf.flat ? MOST_FLAT : Math.floor(MOST_NESTED / leaf.schemaPath.length)
  if (count > most)
    throw new Unreadable(
      `has a page of ${count} values, more than the ${most} that are read`,
      "write the file with smaller pages (pyarrow: data_page_size, max_rows_per_page)",
    )
  if (header.type === "DATA_PAGE" || !v2) return
  const { num_nulls: nulls, num_rows: rows } = v2
  const levels = [v2.definition_levels_byte_length, v2.repetition_levels_byte_length]
  if (!sound(nulls) || nulls > count || !sound(rows) || rows > count) throw damaged("a page's counts do not fit")
  if (!levels.every(sound) || levels[0] + levels[1] > Math.min(packed, unpacked))
    throw damaged("a page's levels are larger than the page")
}
