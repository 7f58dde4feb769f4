/** Pictures of documents as `{ bytes, path }`, whether the file has them inside or names them. */

import { realpath } from "node:fs/promises"
import { dirname, isAbsolute, relative, resolve } from "node:path"
import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { readPicture } from "../../image/file.js"
import { label, readable } from "../../readable.js"
import { requireNoUrl } from "../../url.js"
import type { Doc } from "../task/task.js"
import type { Table } from "./table.js"

/** A picture as the hub's image columns have it: the encoded file, and what it was called. */
export interface StoredPicture {
  bytes: Uint8Array
  path: string | null
}

export interface PictureRules {
  /** Columns whose text is a path or base64. @default image, images, image_1, … of text files, none of Parquet */
  columns?: readonly string[]
  /** Columns whose pictures are opened. @default all */
  opened?: readonly string[]
  /** Relative to the folder of the file. @default that folder */
  imageRoot?: string
  /** Folder outside of which no picture may lie: whoever made the data could name any file of the user's. */
  within?: string
  /** Told when a picture is read from a file of its own. */
  onFile?: () => void
}

export const isStoredPicture = (value: unknown): value is StoredPicture =>
  isObject(value) && value.bytes instanceof Uint8Array && "path" in value

const USUAL_NAMES = /^(image|img|picture)s?(_\d+)?$/
const DATA_URI = /^data:[\w.+/-]*(?:;[\w=.-]+)*;base64,/
/** How base64 of PNG, JPEG, GIF, WebP, TIFF, AVIF and BMP begins. */
const BEGINNINGS = /^(iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|SUkqA|TU0AK|AAAA[A-Za-z0-9+/]{2}Z0eX|Qk[0-3])/
/** Characters of the longest path. */
const LONGEST_PATH = 4096
/** What may be some, and names no kind of file. */
const SHORT_BASE64 = /^[A-Za-z0-9+/\s]{8,}={0,2}$/
const BASE64 = /^[A-Za-z0-9+/\s]{64,}={0,2}$/

/** Of a document: no model looks at more, and a list of paths may name one picture a million times. */
const MOST_PICTURES = 1000
/** Bytes of their files together. */
const MOST_BYTES = 512 << 20

/**
 * The document with its pictures' bytes.
 * @throws UserError naming file, row and column of a picture that cannot be had
 */
export async function fillPictures(doc: Doc, table: Table, row: number, rules: PictureRules): Promise<Doc> {
  const pictures = new DocumentPictures(table, rules)
  let filled: Record<string, unknown> | undefined
  for (const [column, value] of Object.entries(doc)) {
    if (rules.opened && !rules.opened.includes(column)) continue
    const asText = rules.columns?.includes(column) ?? (table.textPictures && USUAL_NAMES.test(column))
    if (!asText && !hasStruct(value)) continue
    filled ??= { ...doc }
    filled[column] = await explaining(table, row, column, () => pictures.of(value, asText))
  }
  return filled ?? doc
}

/** Whether it is a struct of an image column, or a list of them. */
function hasStruct(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasStruct)
  return isObject(value) && "bytes" in value && "path" in value && Object.keys(value).length === 2
}

class DocumentPictures {
  readonly #files = new Map<string, StoredPicture>()
  #count = 0
  #bytes = 0

  constructor(
    readonly table: Table,
    readonly rules: PictureRules,
  ) {}

  /** What stands for a picture, or a list of such, with its bytes; anything else as it is. */
  async of(value: unknown, asText: boolean): Promise<unknown> {
    if (Array.isArray(value)) {
      const pictures: unknown[] = []
      for (const part of value) pictures.push(await this.of(part, asText))
      return pictures
    }
    if (hasStruct(value)) {
      const { bytes, path } = value as { bytes: unknown; path: unknown }
      if (bytes instanceof Uint8Array) return this.#counted({ bytes, path: path as string | null })
      if (typeof bytes === "string") return this.#fromBase64(bytes, path as string | null)
      return typeof path === "string" && path !== "" ? this.#fromFile(path) : null
    }
    if (!asText || typeof value !== "string") return value
    const text = value.trim()
    if (text === "") return null
    const uri = DATA_URI.exec(text)
    if (uri) return this.#fromBase64(text.slice(uri[0].length), null)
    if ((BEGINNINGS.test(text) || text.length > LONGEST_PATH) && BASE64.test(text)) return this.#fromBase64(text, null)
    const other = await this.table.shared?.(text)
    return other === undefined ? this.#fromFile(text) : this.of(other, asText)
  }

  #fromBase64(text: string, path: string | null): StoredPicture {
    const bytes = Buffer.from(text, "base64")
    if (bytes.length > 0) return this.#counted({ bytes: new Uint8Array(bytes), path })
    throw new UserError("the picture is no base64", { fix: "write the data again" })
  }

  async #fromFile(path: string): Promise<StoredPicture> {
    const known = this.#files.get(path)
    if (known) return this.#counted(known, 0)
    requireNoUrl(path, "image")
    const { imageRoot, within, onFile } = this.rules
    onFile?.()
    const file = resolve(dirname(this.table.file), imageRoot ?? "", path)
    if (within !== undefined) await requireInside(file, path, within)
    const picture = { bytes: new Uint8Array(await readPicture(file).catch(norBase64(path))), path }
    this.#files.set(path, picture)
    return this.#counted(picture)
  }

  #counted(picture: StoredPicture, bytes = picture.bytes.length): StoredPicture {
    this.#bytes += bytes
    if (++this.#count > MOST_PICTURES || this.#bytes > MOST_BYTES)
      throw new UserError(
        `the document has more than ${MOST_PICTURES} pictures, or more than ${MOST_BYTES >> 20} MiB of them`,
        { fix: "divide it into several, or make the pictures smaller" },
      )
    return picture
  }
}

/** Text of letters and digits may have been meant as base64. */
const norBase64 = (text: string) => (error: unknown) => {
  if (!(error instanceof UserError) || !SHORT_BASE64.test(text)) throw error
  const { message, where, fix } = error
  throw new UserError(`${message}, and this is no picture in base64 either`, { where, fix, cause: error })
}

async function requireInside(file: string, path: string, folder: string): Promise<void> {
  const isInside = (inner: string, outer: string): boolean => {
    const way = relative(outer, inner)
    return !(way === ".." || way.startsWith("../") || way.startsWith("..\\") || isAbsolute(way))
  }
  const real = await realpath(file).catch(() => undefined)
  if (isInside(file, folder) && (real === undefined || isInside(real, await realpath(folder)))) return
  throw new UserError(`the picture ${label(path)} lies outside of the data's folder`, {
    fix: "data from elsewhere may name pictures inside of its own folder only: copy them there",
  })
}

async function explaining<T>(table: Table, row: number, column: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    throw new UserError(cause.where ? `${cause.message} (${cause.where})` : cause.message, {
      where: `${readable(table.file, 200)}, row ${row}, column ${label(column)}`,
      fix: cause.fix,
      cause,
    })
  }
}
