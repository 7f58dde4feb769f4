/** The documents of a benchmark, wherever they lie: rows of one or more files in one order, read as they are needed. */

import { stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { homeFolder } from "../../cache-folder.js"
import { UserError } from "../../errors.js"
import { downloadDataset } from "../../hub/dataset.js"
import type { DownloadOptions } from "../../hub/download.js"
import { parseHubId } from "../../hub/hub-id.js"
import { readable, shown } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"
import type { Doc, HubSource } from "../task/task.js"
import { isDataFile, listDataFiles, otherFormat } from "./data-files.js"
import { openDelimited } from "./delimited/delimited.js"
import { fingerprintOfFiles } from "./fingerprint.js"
import { PageCache } from "./parquet/pages/page-cache.js"
import { openParquet } from "./parquet/parquet.js"
import { fillPictures, type PictureRules } from "./pictures.js"
import { openRecords } from "./records.js"
import { chooseFiles, type Split } from "./split.js"
import { closeAll, requireColumns, type Table } from "./table.js"

export interface Wanted {
  /** @default all */
  columns?: readonly string[]
  /** Columns whose pictures are opened; in others a path stays a path, and whether there is such a file nobody looks. @default all */
  pictures?: readonly string[]
}

export interface RowRange extends Wanted {
  /** The first row. @default 0 */
  from?: number
  /** Behind the last row. @default the number of rows */
  to?: number
}

/**
 * Pictures are `{ bytes, path }`, as the hub's are, whatever the files hold; missing values are null; whole numbers of 64
 * bits are numbers where numbers can hold them, else their digits as text; times are ISO text.
 */
export interface Documents {
  readonly count: number
  readonly columns: readonly string[]
  /** Changes with the content: of the hub's hashes where they are known, else of the files. */
  readonly fingerprint: string
  /** So far no picture was read from a file beside, of which the fingerprint tells nothing. @default false */
  readonly contained?: boolean
  /** In the order of the files, which is the fast one. @throws UserError naming file, row and column of what cannot be read */
  rows(range?: RowRange): AsyncIterable<{ index: number; doc: Doc }>
  /** One document. Neighbours are quick: what a file has to unpack for one row is kept for the next. */
  read(index: number, wanted?: Wanted): Promise<Doc>
  /** File and row, for errors. */
  where(index: number): string
  close(): void
}

export interface OpenOptions {
  /** Which of a folder's files are meant, and which split of a dataset that `where` names by its hub id. */
  split?: Split
  /** Columns that hold pictures where the file's format does not say so. @default image, images, image_1, … of text files */
  pictures?: readonly string[]
  /** Folder that paths of pictures start from, itself relative to that of the file. @default that of the file */
  imageRoot?: string
  /** Of a dataset's download. */
  download?: DownloadOptions
}

/**
 * @param where a dataset of the hub; or a file (Parquet, TSV, CSV, JSON, JSONL), a folder of such files, or a hub id, the
 *   first of these that there is
 * @param pages what is kept of files for the next row: the same for all that are open at a time @default their own
 * @throws UserError when there is nothing, or it is no data
 */
export async function openDocuments(
  where: string | HubSource,
  options: OpenOptions = {},
  pages = new PageCache(),
): Promise<Documents> {
  const { files, root } = await find(where, options)
  const rules: PictureRules = { columns: options.pictures, imageRoot: options.imageRoot, within: root }
  const tables: Table[] = []
  try {
    for (const file of files) tables.push(await openTable(file, pages))
    requireSameColumns(tables)
    return new JoinedTables(tables, rules, await fingerprintOfFiles(files))
  } catch (error) {
    closeAll(tables)
    throw error
  }
}

/** The files, in order, and the folder that pictures must lie in, where somebody else made the data. */
async function find(where: string | HubSource, options: OpenOptions): Promise<{ files: string[]; root?: string }> {
  if (typeof where !== "string") return fromHub(where.dataset, where, options)
  const path = resolve(where.replace(/^~(?=$|[/\\])/, () => homeFolder()))
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory()) {
    const names = chooseFiles(await listDataFiles(path), options.split ?? {}, readable(where, 200))
    return { files: names.map((name) => resolve(path, name)), root: path }
  }
  if (found) return { files: [path] }
  if (parseHubId(where) && !/^[./~]/.test(where) && options.split) return fromHub(where, options.split, options)
  const error: unknown = await stat(path).catch((error) => error)
  throw new UserError(`the data is not there: ${readingFailure(error)}`, {
    where: readable(where, 200),
    fix: "give a file (Parquet, TSV, CSV, JSON or JSONL), a folder of them, or the id of a dataset of the hub",
  })
}

async function fromHub(
  dataset: string,
  split: Split,
  options: OpenOptions,
): Promise<{ files: string[]; root: string }> {
  const id = parseHubId(dataset)
  if (!id)
    throw new UserError(`${shown(dataset)} is no id of a dataset`, {
      fix: "it looks like org/name or org/name@revision",
    })
  const choose = (paths: readonly string[]): string[] => chooseFiles(paths, split, dataset)
  const { folder, files } = await downloadDataset(id, choose, { wants: isDataFile, ...options.download })
  // Files of the cache may be links to its blobs, which lie beside the snapshots.
  return { files: files.map((file) => resolve(folder, file)), root: dirname(dirname(folder)) }
}

function openTable(file: string, pages: PageCache): Promise<Table> {
  const ending = /\.([^./\\]+)$/.exec(file)?.[1].toLowerCase()
  if (ending === "parquet") return openParquet(file, pages)
  if (ending === "tsv" || ending === "csv") return openDelimited(file, ending === "tsv" ? "\t" : ",")
  if (ending === "json" || ending === "jsonl" || ending === "ndjson") return openRecords(file)
  const other = ending === undefined ? undefined : otherFormat(ending)
  if (other) throw new UserError(other.what, { where: readable(file, 200), fix: other.fix })
  throw new UserError("the file's name does not tell its format", {
    where: readable(file, 200),
    fix: "let it end with .parquet, .tsv, .csv, .json or .jsonl",
  })
}

function requireSameColumns([first, ...others]: readonly Table[]): void {
  // The rows of JSON files need not have all columns.
  for (const table of others) if (!table.loose) requireColumns(table, first.columns)
}

class JoinedTables implements Documents {
  contained = true
  readonly rules: PictureRules
  readonly count: number
  readonly columns: readonly string[]
  /** First row of each table. */
  readonly #starts: number[] = []

  constructor(
    readonly tables: readonly Table[],
    rules: PictureRules,
    readonly fingerprint: string,
  ) {
    const onFile = (): void => {
      this.contained = false
    }
    this.rules = { ...rules, onFile }
    let count = 0
    for (const table of tables) {
      this.#starts.push(count)
      count += table.count
    }
    this.count = count
    this.columns = [...new Set(tables.flatMap(({ columns }) => columns))]
  }

  async *rows({ from = 0, to = this.count, ...wanted }: RowRange = {}): AsyncGenerator<{ index: number; doc: Doc }> {
    const { columns } = wanted
    for (const [i, table] of this.tables.entries()) {
      if (columns && !table.loose) requireColumns(table, this.#ownColumns(table, columns))
      const start = this.#starts[i]
      const last = Math.min(to - start, table.count)
      for (let row = Math.max(from - start, 0); row < last; row++)
        yield { index: start + row, doc: await this.#document(table, row, wanted) }
    }
  }

  async read(index: number, wanted: Wanted = {}): Promise<Doc> {
    const { table, row } = this.#find(index)
    return this.#document(table, row, wanted)
  }

  where(index: number): string {
    const { table, row } = this.#find(index)
    return `${table.file}, row ${row}`
  }

  close(): void {
    closeAll(this.tables)
  }

  async #document(table: Table, row: number, { columns, pictures }: Wanted): Promise<Doc> {
    const own = columns && this.#ownColumns(table, columns)
    return fillPictures(await table.row(row, own), table, row, { ...this.rules, opened: pictures })
  }

  /** The first file may lack what others have; what none has stays, and is refused. */
  #ownColumns(table: Table, columns: readonly string[]): readonly string[] {
    if (table.loose) return columns
    return columns.filter((column) => table.columns.includes(column) || !this.columns.includes(column))
  }

  #find(index: number): { table: Table; row: number } {
    if (!(Number.isInteger(index) && index >= 0 && index < this.count))
      throw new RangeError(`document ${index} of ${this.count}`)
    const at = this.#starts.findLastIndex((start) => start <= index)
    return { table: this.tables[at], row: index - this.#starts[at] }
  }
}
