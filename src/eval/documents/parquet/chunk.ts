/** A column of a row group: its pages found once, and unpacked one at a time. */

import type { ColumnMetaData } from "hyparquet"
import type { FileBytes } from "../file-bytes.js"
import type { Leaf } from "./leaf.js"
import { startOf } from "./metadata.js"
import {
  dictionaryValues,
  pageValues,
  repetitionLevels,
  type UnpackedPage,
  unpackPage,
  type Values,
} from "./pages/page.js"
import type { PageCache } from "./pages/page-cache.js"
import { LARGEST_PAGE, type PlacedPage, readHeader } from "./pages/page-header.js"
import { damaged } from "./unreadable.js"

/** Pages that are unpacked together: one, or those that share rows. */
interface Piece {
  /** First row in the group. */
  first: number
  rows: number
  pages: PlacedPage[]
}

const MOST_PAGES = 1 << 18

/** A dictionary stays as long as the values of a page that names its words. */
const DICTIONARIES = new WeakMap<object, Values>()

export class Chunk {
  #words?: WeakRef<Values>
  #places?: Promise<{ pieces: Piece[]; dictionary?: PlacedPage }>

  /** @param rows of the group */
  constructor(
    private readonly file: FileBytes,
    private readonly leaf: Leaf,
    private readonly data: ColumnMetaData,
    private readonly rows: number,
    private readonly cache: PageCache,
  ) {}

  /**
   * What the file has of a row of the group; lists of lists for lists and structs.
   * @throws Unreadable when it cannot be had
   */
  async value(row: number): Promise<unknown> {
    this.#places ??= this.#find()
    const { pieces, dictionary } = await this.#places
    let [low, high] = [0, pieces.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (pieces[middle].first <= row) low = middle
      else high = middle - 1
    }
    const piece = pieces[low]
    const { key } = this.leaf
    // What stands in a dictionary stays in memory with whatever names it.
    const words = dictionary && piece.pages.some(usesDictionary) ? [dictionary] : []
    const bytes = this.#bytesOf([...piece.pages, ...words])
    const values = await this.cache.get(piece, key, bytes, () => this.#values(piece, dictionary))
    return values[row - piece.first]
  }

  async #values({ pages, rows }: Piece, dictionary: PlacedPage | undefined): Promise<Values> {
    let values: Values | undefined
    for (const page of pages) {
      const words = dictionary && usesDictionary(page) ? await this.#dictionary(dictionary) : undefined
      values = pageValues(await this.#unpack(page), this.leaf, words, values)
      if (words) DICTIONARIES.set(values, words)
    }
    if (values?.length !== rows) throw damaged("a page has other rows than it says")
    return values
  }

  async #dictionary(page: PlacedPage): Promise<Values> {
    const words = this.#words?.deref() ?? dictionaryValues(await this.#unpack(page), this.leaf)
    this.#words = new WeakRef(words)
    return words
  }

  async #unpack({ offset, header }: PlacedPage): Promise<UnpackedPage> {
    const packed = new Uint8Array(await this.file.slice(offset, offset + header.compressed_page_size))
    return unpackPage(header, packed, this.data.codec)
  }

  async #find(): Promise<{ pieces: Piece[]; dictionary?: PlacedPage }> {
    const pieces: Piece[] = []
    let dictionary: PlacedPage | undefined
    let row = 0
    const start = startOf(this.data)
    const end = start + Number(this.data.total_compressed_size)
    // A row of lists may go on in further pages.
    const isAll = (at: number): boolean => at >= end || (this.leaf.flat && row >= this.rows)
    for (let [at, count] = [start, 0]; !isAll(at); count++) {
      if (count > MOST_PAGES) throw damaged(`it has more than ${MOST_PAGES} pages`)
      const page = await readHeader(this.file, at, end, this.leaf)
      at = page.offset + page.header.compressed_page_size
      if (page.header.type === "DICTIONARY_PAGE") dictionary = page
      const rows = await this.#rowsOf(page)
      if (!rows) continue
      let piece = pieces.at(-1)
      if (!rows.goesOn) {
        piece = { first: row, rows: 0, pages: [] }
        pieces.push(piece)
      }
      if (!piece) throw damaged("its first row has no beginning")
      piece.pages.push(page)
      piece.rows += rows.begun
      row += rows.begun
      if (this.#bytesOf(piece.pages) > 2 * LARGEST_PAGE) throw damaged("a row is spread over too many pages")
    }
    if (row !== this.rows) throw damaged(`it has ${row} rows, and its row group ${this.rows}`)
    return { pieces, dictionary }
  }

  /** How many rows begin in a page, and whether it begins within one; undefined of pages without values. */
  async #rowsOf(page: PlacedPage): Promise<{ begun: number; goesOn: boolean } | undefined> {
    const { type, data_page_header: v1, data_page_header_v2: v2 } = page.header
    const data = type === "DATA_PAGE" ? v1 : type === "DATA_PAGE_V2" ? v2 : undefined
    if (!data?.num_values) return undefined
    if (this.leaf.maxRepetition === 0) return { begun: data.num_values, goesOn: false }
    if (type === "DATA_PAGE_V2" && v2) return { begun: v2.num_rows, goesOn: false }
    // Only its levels tell.
    const levels = repetitionLevels(await this.#unpack(page), this.leaf)
    return { begun: levels.reduce((sum, level) => sum + Number(level === 0), 0), goesOn: levels[0] !== 0 }
  }

  /** What the values of pages take. */
  #bytesOf(pages: readonly PlacedPage[]): number {
    const perValue = this.leaf.flat ? 16 : 100
    let bytes = 0
    for (const { header } of pages) {
      const { num_values: values = 0 } =
        header.data_page_header ?? header.data_page_header_v2 ?? header.dictionary_page_header ?? {}
      bytes += header.uncompressed_page_size + perValue * values
    }
    return bytes
  }
}

/** Writers give dictionaries up where they grow, and go on without. */
const usesDictionary = ({ header }: PlacedPage): boolean =>
  /DICTIONARY$/.test((header.data_page_header ?? header.data_page_header_v2)?.encoding ?? "")
