/** Parquet files put together byte by byte, as no writer would: what pyarrow's older pages look like, and what nobody should write. */

import { ByteWriter } from "hyparquet-writer"
import { serializeTCompactProtocol } from "hyparquet-writer/src/thrift.js"
import type { ColumnType, ParquetColumn } from "./parquet-file.js"

/** A struct of Thrift: numbers are 32 bits wide, bigints 64. */
export type Thrift = { [field: `field_${number}`]: unknown }

export const TYPES = { boolean: 0, int32: 1, int64: 2, double: 5, binary: 6, fixed: 7 } as const
export const ENCODINGS = { plain: 0, dictionary: 8, deltaBinary: 5, deltaBytes: 7, byteStream: 9, rle: 3 } as const
export const CODECS = { none: 0, snappy: 1, gzip: 2, lz4: 5, brotli: 4, zstd: 6, lz4raw: 7 } as const

export interface HandmadePage {
  header: Thrift
  body: Uint8Array
}

export interface HandmadeChunk {
  path: string[]
  type: number
  codec?: number
  pages: HandmadePage[]
  values: number | bigint
  /** Fields of the description that say something else. */
  meta?: Thrift
}

export interface HandmadeFile {
  schema: Thrift[]
  groups: { rows: number | bigint; chunks: HandmadeChunk[] }[]
  /** @default the sum of the groups' rows */
  rows?: bigint
}

export function thriftBytes(value: Thrift): Buffer {
  const writer = new ByteWriter()
  serializeTCompactProtocol(writer as never, value)
  return Buffer.from(writer.getBytes())
}

/** The elements of a schema; repetition 0 required, 1 optional, 2 repeated. */
export const element = (name: string, more: Thrift = {}): Thrift => ({
  field_1: more.field_1,
  field_2: more.field_2,
  field_3: more.field_3 ?? 1,
  field_4: name,
  field_5: more.field_5,
  field_6: more.field_6,
  field_7: more.field_7,
  field_8: more.field_8,
})

/** A page of the older kind. */
export function dataPage(
  body: Uint8Array,
  values: number,
  more: { encoding?: number; unpacked?: number } = {},
): HandmadePage {
  const { encoding = ENCODINGS.plain, unpacked = body.length } = more
  return {
    body,
    header: {
      ...{ field_1: 0, field_2: unpacked, field_3: body.length },
      field_5: { field_1: values, field_2: encoding, field_3: ENCODINGS.rle, field_4: ENCODINGS.rle },
    },
  }
}

export function dictionaryPage(body: Uint8Array, values: number): HandmadePage {
  const header = { field_1: 2, field_2: body.length, field_3: body.length, field_7: { field_1: values, field_2: 0 } }
  return { body, header }
}

export function handmadeParquet({ schema, groups, rows }: HandmadeFile): Buffer {
  const parts: Buffer[] = [Buffer.from("PAR1")]
  let offset = 4
  const described = groups.map(({ rows, chunks }) => ({
    field_1: chunks.map(({ path, type, codec = 0, pages, values, meta }) => {
      const start = offset
      let [dictionary, data] = [0, 0]
      for (const { header, body } of pages) {
        if (header.field_1 === 2) dictionary = offset
        else data ||= offset
        const bytes = thriftBytes(header)
        parts.push(bytes, Buffer.from(body))
        offset += bytes.length + body.length
      }
      const size = BigInt(offset - start)
      return {
        field_2: BigInt(start),
        field_3: {
          ...{ field_1: type, field_2: [ENCODINGS.plain], field_3: path, field_4: codec, field_5: BigInt(values) },
          ...{ field_6: size, field_7: size, field_9: BigInt(data || start) },
          ...(dictionary > 0 && { field_11: BigInt(dictionary) }),
          ...meta,
        },
      }
    }),
    field_2: 0n,
    field_3: BigInt(rows),
  }))
  const total = groups.reduce((sum, group) => sum + BigInt(group.rows), 0n)
  const footer = thriftBytes({
    ...{ field_1: 2, field_2: schema, field_3: rows ?? total, field_4: described },
    field_6: "by hand",
  })
  return endOf(parts, footer)
}

export function endOf(parts: readonly Uint8Array[], footer: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([...parts, footer, length, Buffer.from("PAR1")])
}

/** A run of equal levels or indices of up to 8 bits. */
export const run = (value: number, count: number): Buffer => Buffer.from([...varint(count * 2), value])

export function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return [...bytes, value]
}

/** Levels with their length before them. */
export function levels(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Bytes or text with their length before them. */
export function sized(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value as string)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** What a column's leaf has of a row: levels, and values where there are any. */
type Entry = [repetition: number, definition: number, value?: unknown]

const LEAVES: Readonly<Record<string, { type: number; converted?: number }>> = {
  string: { type: TYPES.binary, converted: 0 },
  binary: { type: TYPES.binary },
  int64: { type: TYPES.int64 },
  double: { type: TYPES.double },
  boolean: { type: TYPES.boolean },
}

interface HandmadeLeaf {
  path: string[]
  kind: string
  maxRepetition: number
  maxDefinition: number
  entriesOf(row: unknown): Entry[]
}

/** Writes columns in pages of the older kind, which do not say how many rows of lists they have. */
export function olderParquet(
  columns: Readonly<Record<string, ParquetColumn>>,
  options: { rowsPerPage?: number; pack?: (bytes: Buffer) => Buffer; codec?: number; dictionary?: boolean } = {},
): Buffer {
  const { rowsPerPage = 1000, pack = (bytes) => bytes, codec = CODECS.none, dictionary = false } = options
  const rows = Object.values(columns)[0].values.length
  const schema: Thrift[] = [element("root", { field_3: 0, field_5: Object.keys(columns).length })]
  const chunks: HandmadeChunk[] = []
  for (const [name, { type, values }] of Object.entries(columns)) {
    const leaves = describe(schema, name, type, [], 0, 0)
    for (const leaf of leaves) {
      const all = values.map(leaf.entriesOf)
      const words =
        dictionary && leaf.kind !== "boolean"
          ? [...new Set(all.flat().flatMap(([, , value]) => (value === undefined ? [] : [value])))]
          : []
      const pages: HandmadePage[] = []
      if (words.length > 0 && words.length < 256)
        pages.push(packed(dictionaryPage(plain(leaf.kind, words), words.length), pack))
      for (let at = 0; at < rows; at += rowsPerPage) {
        const entries = all.slice(at, at + rowsPerPage).flat()
        const there = entries.flatMap(([, , value]) => (value === undefined ? [] : [value]))
        const isIndexed = pages.length > 0 && pages[0].header.field_1 === 2
        const body = Buffer.concat([
          leaf.maxRepetition > 0
            ? levels(Buffer.concat(entries.map(([repetition]) => run(repetition, 1))))
            : Buffer.alloc(0),
          levels(Buffer.concat(entries.map(([, definition]) => run(definition, 1)))),
          isIndexed
            ? Buffer.concat([Buffer.from([8]), ...there.map((value) => run(words.indexOf(value), 1))])
            : plain(leaf.kind, there),
        ])
        pages.push(
          packed(
            dataPage(body, entries.length, { encoding: isIndexed ? ENCODINGS.dictionary : ENCODINGS.plain }),
            pack,
          ),
        )
      }
      const count = all.flat().length
      chunks.push({ path: leaf.path, type: LEAVES[leaf.kind].type, codec, pages, values: count })
    }
  }
  return handmadeParquet({ schema, groups: [{ rows, chunks }] })
}

function packed({ header, body }: HandmadePage, pack: (bytes: Buffer) => Buffer): HandmadePage {
  const bytes = pack(Buffer.from(body))
  return { body: bytes, header: { ...header, field_3: bytes.length } }
}

/** Adds the elements of a column to the schema; gives its leaves. */
function describe(
  schema: Thrift[],
  name: string,
  type: ColumnType | string,
  before: string[],
  repetition: number,
  definition: number,
): HandmadeLeaf[] {
  const path = [...before, name]
  const level = definition + 1
  if (type in LEAVES) {
    const { type: field_1, converted: field_6 } = LEAVES[type]
    schema.push(element(name, { field_1, field_6 }))
    const entriesOf = (value: unknown): Entry[] => [
      value === null || value === undefined ? [0, definition] : [0, level, value],
    ]
    return [{ path, kind: type, maxRepetition: repetition, maxDefinition: level, entriesOf }]
  }
  if (type === "image") {
    schema.push(element(name, { field_5: 2 }))
    return ["bytes", "path"].flatMap((field) =>
      describe(schema, field, field === "bytes" ? "binary" : "string", path, repetition, level).map((leaf) => ({
        ...leaf,
        entriesOf: (row: unknown): Entry[] =>
          row === null || row === undefined
            ? [[0, definition]]
            : leaf.entriesOf((row as Record<string, unknown>)[field]),
      })),
    )
  }
  schema.push(element(name, { field_5: 1, field_6: 3 }), element("list", { field_3: 2, field_5: 1 }))
  return describe(schema, "element", type.slice(1, -1), [...path, "list"], repetition + 1, definition + 2).map(
    (leaf) => ({
      ...leaf,
      entriesOf: (row: unknown): Entry[] => {
        if (!Array.isArray(row)) return [[0, definition]]
        if (row.length === 0) return [[0, level]]
        return row.flatMap((item, i) =>
          leaf.entriesOf(item).map(([, ...rest]): Entry => [i === 0 ? 0 : repetition + 1, ...rest]),
        )
      },
    }),
  )
}

function plain(kind: string, values: readonly unknown[]): Buffer {
  if (kind === "string" || kind === "binary") return Buffer.concat(values.map((value) => sized(value as string)))
  const bytes = Buffer.alloc(8 * values.length)
  for (const [i, value] of values.entries())
    if (kind === "int64") bytes.writeBigInt64LE(BigInt(value as number), 8 * i)
    else bytes.writeDoubleLE(Number(value), 8 * i)
  return bytes
}
