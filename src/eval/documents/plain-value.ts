/** Values of data files as JSON could hold them, bytes apart, and no larger or deeper than what is done with them can bear. */

import { UserError } from "../../errors.js"
import type { Doc } from "../task/task.js"

/** Lists and objects within each other. */
const DEEPEST = 64
/** Characters and values of a document: a row of a table may name one text a million times. */
const LARGEST = 128 << 20

/**
 * null for what is missing, numbers for whole numbers that a number can hold, else their digits.
 * @param where the row, for errors
 * @throws UserError when it is nested too deeply, or is larger than a document can be
 */
export function plainDoc(columns: Iterable<readonly [string, unknown]>, where: string): Doc {
  const copies = new Map<Uint8Array, Uint8Array>()
  let size = 0
  const plain = (value: unknown, depth: number): unknown => {
    size += typeof value === "string" ? value.length + 1 : 1
    if (size > LARGEST)
      throw new UserError(`the document holds more than ${LARGEST >> 20} million characters and values`, {
        where,
        fix: "leave it out, or divide it into several",
      })
    if (depth > DEEPEST)
      throw new UserError(`the document is nested more than ${DEEPEST} levels deep`, { where, fix: "leave it out" })
    if (value === undefined || value === null) return null
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
    if (typeof value !== "object") return value
    if (value instanceof Uint8Array) {
      // A part of a page would keep all of it in memory.
      const copy = copies.get(value) ?? value.slice()
      copies.set(value, copy)
      return copy
    }
    if (Array.isArray(value)) return value.map((part) => plain(part, depth + 1))
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part, depth + 1)]))
  }
  return Object.fromEntries(Array.from(columns, ([name, value]) => [name, plain(value, 0)]))
}
