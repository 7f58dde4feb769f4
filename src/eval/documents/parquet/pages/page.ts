/** One page of a column: unpacked, checked, and made values by hyparquet. */

import { readPage } from "hyparquet/src/column.js"
import { convert, DEFAULT_PARSERS } from "hyparquet/src/convert.js"
import type { Leaf } from "../leaf.js"
import { damaged, Unreadable } from "../unreadable.js"
import { decompress } from "./decompress.js"
import { readDeltas, readRuns, requireBlocks, requirePrefixes, viewOf } from "./encodings.js"
import { type Header, LARGEST_PAGE } from "./page-header.js"
import { parsers } from "./values.js"

/** What hyparquet gives: typed arrays too. */
export type Values = Exclude<ReturnType<typeof readPage>["data"], undefined>

/** A page whose levels and values lie as they are. */
export interface UnpackedPage {
  header: Header
  bytes: Uint8Array
}

const widthOf = (level: number): number => 32 - Math.clz32(level)

/** @throws Unreadable */
export function unpackPage(header: Header, packed: Uint8Array, codec: string | undefined): UnpackedPage {
  const size = header.uncompressed_page_size
  const v2 = header.type === "DATA_PAGE_V2" ? header.data_page_header_v2 : undefined
  let bytes: Uint8Array
  if (!v2) bytes = decompress(codec, packed, size)
  else {
    const levels = v2.definition_levels_byte_length + v2.repetition_levels_byte_length
    const values = decompress(v2.is_compressed ? codec : "UNCOMPRESSED", packed.subarray(levels), size - levels)
    bytes = levels === 0 ? values : new Uint8Array(size)
    if (levels > 0) {
      bytes.set(packed.subarray(0, levels))
      bytes.set(values, levels)
    }
  }
  const plain = { ...header, compressed_page_size: size }
  return { bytes, header: v2 ? { ...plain, data_page_header_v2: { ...v2, is_compressed: false } } : plain }
}

/** The values of a dictionary. @throws Unreadable */
export const dictionaryValues = (page: UnpackedPage, leaf: Leaf): Values =>
  convert(read(page, leaf, undefined, undefined), decoderOf(leaf))

/**
 * The values of a page of data, one for each row.
 * @param before the values so far, where its first ones belong to the last row of the page before
 * @throws Unreadable
 */
export function pageValues(page: UnpackedPage, leaf: Leaf, dictionary?: Values, before?: Values): Values {
  return read({ ...page, header: checked(page, leaf, dictionary?.length) }, leaf, dictionary, before)
}

/** Levels of repetition; 0 begins a row. None where each value is a row. */
export function repetitionLevels({ header, bytes }: UnpackedPage, leaf: Leaf): number[] {
  return levelsOf(header, bytes, leaf).repetition
}

function read(page: UnpackedPage, leaf: Leaf, dictionary: Values | undefined, before: Values | undefined): Values {
  const reader = { view: viewOf(page.bytes), offset: 0 }
  const { data } = readPage(reader, page.header, decoderOf(leaf), dictionary, before, 0)
  if (!data) throw damaged("a page without values")
  return data
}

type Decoder = Parameters<typeof convert>[1]

const decoderOf = ({ path, element, schemaPath }: Leaf): Decoder => ({
  pathInSchema: [...path],
  element,
  schemaPath,
  type: element.type as Decoder["type"],
  codec: "UNCOMPRESSED",
  parsers: { ...DEFAULT_PARSERS, ...parsers },
  // Bytes that no annotation calls text are a picture.
  utf8: false,
})

/** Levels, and where the values begin. */
function levelsOf(header: Header, bytes: Uint8Array, leaf: Leaf) {
  const { maxRepetition, maxDefinition } = leaf
  const v2 = header.data_page_header_v2
  let at = 0
  const levels = (max: number, count: number, length: number | undefined): number[] => {
    if (length !== undefined) {
      at += length
      return max === 0 ? [] : readRuns(bytes, at - length, at, widthOf(max), count)
    }
    if (max === 0) return []
    if (at + 4 > bytes.length) throw damaged("a page ends within its levels")
    const start = at + 4
    at = start + viewOf(bytes).getUint32(at, true)
    if (at > bytes.length) throw damaged("a page ends within its levels")
    return readRuns(bytes, start, at, widthOf(max), count)
  }
  if (header.type === "DATA_PAGE_V2" && v2) {
    const repetition = levels(maxRepetition, v2.num_values, v2.repetition_levels_byte_length)
    const definition = levels(maxDefinition, v2.num_values, v2.definition_levels_byte_length)
    return { repetition, definition, at }
  }
  const v1 = header.data_page_header
  if (!v1) throw damaged("a page of an unknown kind")
  for (const [max, encoding] of [
    [maxRepetition, v1.repetition_level_encoding],
    [maxDefinition, v1.definition_level_encoding],
  ] as const)
    if (max > 0 && encoding !== "RLE") throw unknownEncoding(encoding)
  const repetition = levels(maxRepetition, v1.num_values, undefined)
  const definition = levels(maxDefinition, v1.num_values, undefined)
  return { repetition, definition, at }
}

/** The header, once nothing in the page can take memory or time that it should not. */
function checked({ header, bytes }: UnpackedPage, leaf: Leaf, dictionarySize: number | undefined): Header {
  const { type, type_length: fixed = 0 } = leaf.element
  const { definition, at } = levelsOf(header, bytes, leaf)
  const data = header.type === "DATA_PAGE_V2" ? header.data_page_header_v2 : header.data_page_header
  if (!data) throw damaged("a page of an unknown kind")
  const count =
    leaf.maxDefinition === 0
      ? data.num_values
      : definition.reduce((sum, level) => sum + Number(level === leaf.maxDefinition), 0)
  const v2 = header.data_page_header_v2
  if (header.type === "DATA_PAGE_V2" && v2 && v2.num_values - v2.num_nulls !== count)
    throw damaged("a page has other values missing than it says")
  // Nothing may stand where there is nothing.
  if (count === 0) return withEncoding(header, "PLAIN")
  const { encoding } = data
  if (encoding === "PLAIN_DICTIONARY" || encoding === "RLE_DICTIONARY") {
    if (dictionarySize === undefined) throw damaged("its dictionary is missing")
    const width = bytes[at] ?? 99
    if (width > 32) throw damaged("its dictionary is larger than any")
    const indices = width === 0 ? [0] : readRuns(bytes, at + 1, bytes.length, width, count)
    if (indices.some((index) => !(index >= 0 && index < dictionarySize)))
      throw damaged("it names values that its dictionary does not have")
  } else if (encoding === "RLE") {
    if (type !== "BOOLEAN") throw unknownEncoding(encoding)
    if (at + 4 > bytes.length) throw damaged("a page ends within its values")
    const end = at + 4 + viewOf(bytes).getUint32(at, true)
    readRuns(bytes, at + 4, Math.min(end, bytes.length), 1, count)
  } else if (encoding === "BYTE_STREAM_SPLIT") {
    const width = { INT32: 4, FLOAT: 4, INT64: 8, DOUBLE: 8, FIXED_LEN_BYTE_ARRAY: fixed }[type as string] ?? 0
    if (!(width > 0 && width * count <= bytes.length - at)) throw damaged("a page ends within its values")
  } else if (encoding === "DELTA_BINARY_PACKED") {
    if (type !== "INT32" && type !== "INT64") throw unknownEncoding(encoding)
    requireBlocks(bytes, at)
  } else if (encoding === "DELTA_LENGTH_BYTE_ARRAY") {
    if (readDeltas(bytes, at, count).values.some((length) => length < 0)) throw damaged("a text of less than nothing")
  } else if (encoding === "DELTA_BYTE_ARRAY") requirePrefixes(bytes, at, count, LARGEST_PAGE)
  else if (encoding !== "PLAIN") throw unknownEncoding(encoding)
  return header
}

function withEncoding(header: Header, encoding: "PLAIN"): Header {
  const { data_page_header: v1, data_page_header_v2: v2 } = header
  return {
    ...header,
    ...(v1 && { data_page_header: { ...v1, encoding } }),
    ...(v2 && { data_page_header_v2: { ...v2, encoding } }),
  }
}

const unknownEncoding = (encoding: string | undefined): Unreadable =>
  new Unreadable(
    `is written in a way that is not known here (${encoding ?? "a new one"})`,
    "write the file again, for example with pyarrow",
  )
