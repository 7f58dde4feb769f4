/** Columns of documents, checked when they are read. */

import { UserError } from "../../../errors.js"
import { label } from "../../../readable.js"
import { pythonText } from "../../task/python-literal.js"
import type { Asked, Doc, DocPicture } from "../../task/task.js"

/**
 * A column as Python's formatting writes it: text as it is, None for null.
 * @throws UserError when the document has no such column
 */
export function textOf(doc: Doc, column: string): string {
  if (doc[column] === undefined)
    throw new UserError("the document has no such column", {
      where: column,
      fix: `its columns are ${Object.keys(doc).join(", ") || "none"}`,
    })
  return pythonText(doc[column])
}

/** @throws UserError when the column holds no whole number, nor the text of one */
export function wholeNumberOf(doc: Doc, column: string): number {
  const value = textOf(doc, column).trim()
  if (!/^[+-]?\d+(\.0+)?$/.test(value))
    throw new UserError(`a whole number was expected, not ${value === "" ? "nothing" : label(value)}`, {
      where: column,
    })
  return Number(value)
}

/** @throws UserError when the column holds no list */
export function listOf(doc: Doc, column: string): readonly unknown[] {
  const value = doc[column]
  if (!Array.isArray(value)) throw new UserError("a list was expected", { where: column })
  return value
}

/** What JSON can hold of a column: whole numbers of 64 bits as numbers, null where there is nothing. */
export function plainOf(doc: Doc, column: string): unknown {
  const value = doc[column] ?? null
  return typeof value === "bigint" ? Number(value) : value
}

/** A question whose pictures are looked up when they are read. */
export function asked(context: string, pictures: () => readonly DocPicture[]): Asked {
  return {
    context,
    get pictures() {
      return pictures()
    },
  }
}

/**
 * The picture of a column: the hub's struct of bytes and path, or bare bytes.
 * @throws UserError when there is none
 */
export const pictureOf = (doc: Doc, column: string, upright?: boolean): DocPicture =>
  picture(doc[column], column, upright)

/** The pictures of a column that holds a list of them, or one. */
export function picturesOf(doc: Doc, column: string): DocPicture[] {
  const value = doc[column]
  return Array.isArray(value) ? value.map((one, i) => picture(one, `${column}[${i}]`)) : [picture(value, column)]
}

function picture(value: unknown, column: string, upright?: boolean): DocPicture {
  const turned = upright === undefined ? {} : { upright }
  if (value instanceof Uint8Array) return { bytes: value, name: column, ...turned }
  const { bytes, path, name } = (value ?? {}) as { bytes?: unknown; path?: unknown; name?: unknown }
  if (!(bytes instanceof Uint8Array))
    throw new UserError("the document has no picture here", {
      where: column,
      fix: "pictures are bytes, or an object of bytes and path as in the hub's files",
    })
  const called = [path, name].find((one): one is string => typeof one === "string" && one !== "")
  return { bytes, name: called ?? column, ...turned }
}
