/** Parquet files, of which no more is in memory than the pages that were read lately. */

import { assembleNested } from "hyparquet/src/assemble.js"
import { DEFAULT_PARSERS } from "hyparquet/src/convert.js"
import { UserError } from "../../../errors.js"
import { label, readable } from "../../../readable.js"
import type { Doc } from "../../task/task.js"
import { type FileBytes, openBytes } from "../file-bytes.js"
import { plainDoc } from "../plain-value.js"
import { requireColumns, type Table } from "../table.js"
import { Chunk } from "./chunk.js"
import type { Leaf } from "./leaf.js"
import { type Column, type Group, type ParquetContent, readContent } from "./metadata.js"
import type { PageCache } from "./pages/page-cache.js"
import { parsers } from "./pages/values.js"
import { DOWNLOAD_AGAIN, damaged, Unreadable } from "./unreadable.js"

/** @throws UserError when the file is no Parquet, or damaged */
export async function openParquet(file: string, cache: PageCache): Promise<Table> {
  const bytes = await openBytes(file)
  try {
    return new ParquetTable(file, bytes, await readContent(file, bytes), cache)
  } catch (error) {
    bytes.close()
    throw error
  }
}

/** Row groups whose pages' places are kept. */
const GROUPS = 64

class ParquetTable implements Table {
  readonly count: number
  readonly columns: readonly string[]
  readonly loose = false
  readonly textPictures = false
  readonly #columns: ReadonlyMap<string, Column>
  /** The one that was used last is last. */
  readonly #chunks = new Map<Group, Map<Leaf, Chunk>>()

  constructor(
    readonly file: string,
    private readonly bytes: FileBytes,
    private readonly content: ParquetContent,
    private readonly cache: PageCache,
  ) {
    this.count = content.count
    this.columns = content.columns.map(({ name }) => name)
    this.#columns = new Map(content.columns.map((column) => [column.name, column]))
  }

  row(row: number, columns = this.columns): Promise<Doc> {
    requireColumns(this, columns)
    return this.cache.alone(async () => {
      const group = this.#groupOf(row)
      const doc: [string, unknown][] = []
      for (const name of columns) {
        const column = this.#columns.get(name) as Column
        doc.push([name, await this.#explaining(name, row, () => this.#value(column, group, row - group.start))])
      }
      return plainDoc(doc, `${readable(this.file, 200)}, row ${row}`)
    })
  }

  close(): void {
    this.#chunks.clear()
    this.cache.clear()
    this.bytes.close()
  }

  #groupOf(row: number): Group {
    const { groups } = this.content
    return groups[groups.findLastIndex(({ start }) => start <= row)]
  }

  async #value({ schema, leaves, unread }: Column, group: Group, row: number): Promise<unknown> {
    if (unread)
      throw new Unreadable(`holds ${unread}, which are not read`, "write it as text, numbers, structs or lists")
    const chunks = this.#chunksOf(group)
    const parts = new Map<string, unknown[]>()
    for (const leaf of leaves) {
      const value = await (chunks.get(leaf) as Chunk).value(row)
      if (schema.children.length === 0) return ownLists(value, leaf.convert)
      parts.set(leaf.path.join("."), [ownLists(value, leaf.convert)])
    }
    assembleNested(parts as never, schema, { ...DEFAULT_PARSERS, ...parsers })
    return parts.get(schema.element.name)?.[0]
  }

  #chunksOf(group: Group): Map<Leaf, Chunk> {
    const chunks = this.#chunks.get(group) ?? new Map(this.#made(group))
    this.#chunks.delete(group)
    this.#chunks.set(group, chunks)
    const [first] = this.#chunks.keys()
    if (this.#chunks.size > GROUPS) this.#chunks.delete(first)
    return chunks
  }

  *#made({ chunks, rows }: Group): Generator<[Leaf, Chunk]> {
    for (const { leaves } of this.content.columns)
      for (const leaf of leaves) {
        const data = chunks.get(leaf.key)
        if (data) yield [leaf, new Chunk(this.bytes, leaf, data, rows, this.cache)]
      }
  }

  async #explaining<T>(column: string, row: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      if (cause instanceof UserError) throw cause
      const { message, fix } = cause instanceof Unreadable ? cause : damaged("its pages do not fit together")
      throw new UserError(`the column ${label(column)} ${message}`, {
        where: `${readable(this.file, 200)}, row ${row}`,
        fix: fix ?? DOWNLOAD_AGAIN,
        cause,
      })
    }
  }
}

/** Lists of one's own: putting structs together changes them, and the page is read again. */
function ownLists(value: unknown, convert: Leaf["convert"]): unknown {
  if (Array.isArray(value)) return value.map((part) => ownLists(part, convert))
  return convert ? convert(value) : value
}
