/** What the end of a Parquet file says of it, checked: nothing in it is believed that could take memory without end. */

import {
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadata,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from "hyparquet"
import { UserError } from "../../../errors.js"
import { label, readable } from "../../../readable.js"
import type { FileBytes } from "../file-bytes.js"
import { MOST_ROWS } from "../table.js"
import { type Leaf, leafOf } from "./leaf.js"
import { endOfStruct } from "./thrift.js"
import { DOWNLOAD_AGAIN, Unreadable } from "./unreadable.js"

/** Of a benchmark a few kilobytes; of ten thousand row groups some ten megabytes. */
const LARGEST_DESCRIPTION = 64 << 20
/** Numbers, texts and structs in it. */
const MOST_VALUES = 4_000_000
const MOST_COLUMNS = 4096
/** Structs and lists within each other. */
const DEEPEST_COLUMN = 40

/** A top-level column. */
export interface Column {
  name: string
  schema: SchemaTree
  leaves: readonly Leaf[]
  /** What it holds, where that is not read. */
  unread?: string
}

export interface Group {
  /** The first row in the file. */
  start: number
  rows: number
  /** By the leaf's path. */
  chunks: ReadonlyMap<string, ColumnMetaData>
}

export interface ParquetContent {
  count: number
  columns: readonly Column[]
  groups: readonly Group[]
}

/** @throws UserError when the file is no Parquet, or its description cannot be right */
export async function readContent(file: string, bytes: FileBytes): Promise<ParquetContent> {
  const bad = (what: string, cause?: unknown, fix = DOWNLOAD_AGAIN): UserError =>
    new UserError(what, { where: readable(file, 200), fix, cause })
  const magic = async (start: number): Promise<string> => Buffer.from(await bytes.slice(start, start + 4)).toString()
  const size = bytes.byteLength
  if (size < 12) throw bad(`the file is no Parquet: it has ${size} bytes`)
  const [first, last] = [await magic(0), await magic(size - 4)]
  if (first === "PARE" || last === "PARE") throw bad("the Parquet file is encrypted", undefined, "decrypt it")
  if (first !== "PAR1")
    throw bad(
      first === "vers" ? "the file is a pointer of git-lfs, the data itself is missing" : "the file is no Parquet",
    )
  if (last !== "PAR1") throw bad("the Parquet file is cut off: its end is missing")
  const length = new DataView(await bytes.slice(size - 8, size - 4)).getUint32(0, true)
  if (length > size - 12)
    throw bad(`the Parquet file is damaged: its description would have ${length} bytes, and the file has ${size}`)
  if (length > LARGEST_DESCRIPTION)
    throw bad(
      `the description of the Parquet file has ${length >> 20} MiB, more than the ${LARGEST_DESCRIPTION >> 20} that are read`,
      undefined,
      "write it with larger row groups",
    )
  const footer = new Uint8Array(await bytes.slice(size - 8 - length, size))
  try {
    requireSmall(footer.subarray(0, length))
    // Columns of geometry would be turned into objects; no benchmark has them.
    return contentOf(parquetMetadata(footer, { parsers: NOTHING, geoparquet: false }), size)
  } catch (cause) {
    if (cause instanceof Unreadable) throw bad(`the Parquet file ${cause.message}`, cause, cause.fix)
    throw bad("the description at the end of the Parquet file is damaged", cause)
  }
}

/** @throws Error when it would take much more memory than it has bytes */
function requireSmall(description: Uint8Array): void {
  try {
    if (endOfStruct(description, 0, MOST_VALUES) !== undefined) return
  } catch (cause) {
    throw new Error("no description", { cause })
  }
  throw new Error("it ends too early")
}

/** Statistics are not looked at: nothing is made of them. */
const nothing = (): undefined => undefined
const NOTHING = {
  timestampFromMilliseconds: nothing,
  timestampFromMicroseconds: nothing,
  timestampFromNanoseconds: nothing,
  dateFromDays: nothing,
  stringFromBytes: nothing,
  jsonFromBytes: nothing,
  geometryFromBytes: nothing,
  geographyFromBytes: nothing,
  uuidFromBytes: nothing,
}

/** @throws Unreadable */
function contentOf(metadata: FileMetaData, size: number): ParquetContent {
  requireShallow(metadata)
  const tree = parquetSchema(metadata)
  if (tree.count !== metadata.schema.length) throw new Unreadable("is damaged: it describes columns that are nowhere")
  requireNames(tree)
  const columns = tree.children.map((schema): Column => {
    const ways = leavesOf(schema)
    const leaves = ways.map((leaf) => leafOf([tree, ...leaf]))
    return { name: schema.element.name, schema, leaves, unread: unreadIn(ways.flat()) }
  })
  const leaves = columns.flatMap((column) => column.leaves)
  const groups: Group[] = []
  let count = 0
  for (const group of metadata.row_groups) {
    const rows = numberOf(group.num_rows, "rows")
    groups.push({ start: count, rows, chunks: chunksOf(group, leaves, size) })
    count += rows
    if (count > MOST_ROWS)
      throw new Unreadable(`says it has more than ${MOST_ROWS} rows`, "take a part of it, or write several files")
  }
  const said = numberOf(metadata.num_rows, "rows")
  if (count !== said) throw new Unreadable(`says it has ${said} rows, and has ${count}`)
  return { count, columns, groups: groups.filter(({ rows }) => rows > 0) }
}

/** Before anything walks the tree: hyparquet goes as deep as it is. */
function requireShallow({ schema }: FileMetaData): void {
  if (schema.length > MOST_COLUMNS)
    throw new Unreadable(`has ${schema.length} columns, more than the ${MOST_COLUMNS} that are read`, "leave some out")
  const left: number[] = []
  for (const { num_children: children = 0 } of schema) {
    while (left.at(-1) === 0) left.pop()
    if (left.length > 0) left[left.length - 1]--
    if (!(children >= 0)) throw new Error("a number of children below 0")
    if (children > 0) left.push(children)
    if (left.length > DEEPEST_COLUMN)
      throw new Unreadable("has columns that are nested too deeply", `write it with at most ${DEEPEST_COLUMN} levels`)
  }
}

function requireNames({ children }: SchemaTree): void {
  const names = new Set<string>()
  for (const child of children) {
    const { name } = child.element
    if (names.has(name)) throw new Unreadable(`has two columns that are called ${label(name)}`, "rename one of them")
    // Objects take it for something else.
    if (name === "__proto__") throw new Unreadable(`has a column that is called ${name}`, "rename it")
    names.add(name)
    requireNames(child)
  }
}

/** Values whose bytes are programs of their own, or that JSON has no word for. */
function unreadIn(elements: readonly SchemaTree[]): string | undefined {
  for (const { element } of elements) {
    if (element.logical_type?.type === "VARIANT") return "variants"
    if (element.converted_type === "BSON") return "BSON"
    if (element.converted_type === "INTERVAL") return "intervals"
  }
  return undefined
}

/** The ways from a column to its leaves. */
const leavesOf = (schema: SchemaTree): SchemaTree[][] =>
  schema.children.length === 0
    ? [[schema]]
    : schema.children.flatMap((child) => leavesOf(child).map((way) => [schema, ...way]))

function chunksOf({ columns }: RowGroup, leaves: readonly Leaf[], size: number): Map<string, ColumnMetaData> {
  const chunks = new Map<string, ColumnMetaData>()
  for (const { meta_data: chunk, file_path: elsewhere, crypto_metadata: key } of columns) {
    if (elsewhere) throw new Unreadable("has its data in other files", "write it as one file")
    if (key || !chunk) throw new Unreadable("is encrypted", "decrypt it")
    const path = chunk.path_in_schema.join("\0")
    numberOf(chunk.data_page_offset, "bytes")
    if (startOf(chunk) + numberOf(chunk.total_compressed_size, "bytes") > size)
      throw new Unreadable("is cut off, or damaged: it speaks of bytes behind its end")
    if (chunks.has(path)) throw new Error("a column twice")
    chunks.set(path, chunk)
  }
  const missing = leaves.find(({ key }) => !chunks.has(key))
  if (missing) throw new Unreadable(`has no data of the column ${label(missing.path.join("."))}`)
  return chunks
}

/** The first page, which may be the dictionary; some writers leave its place out. */
export function startOf({ dictionary_page_offset: dictionary, data_page_offset: data }: ColumnMetaData): number {
  const [first, second] = [Number(dictionary ?? 0), Number(data)]
  return first > 0 && first < second ? first : second
}

function numberOf(value: bigint | undefined, what: string): number {
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Unreadable(`is damaged: it ${value === undefined ? "does not say how many" : `speaks of ${value}`} ${what}`)
}
