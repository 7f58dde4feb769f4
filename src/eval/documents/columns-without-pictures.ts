/** Scoring needs no pictures, which are nearly all of a benchmark's bytes: their columns are not read. */

import { holdsBytes } from "../task/holds-bytes.js"
import type { Documents } from "./documents.js"

/** A document may lack one of several. */
const PICTURE = /^(image|picture)s?(_?\d+)?$/

/**
 * Undefined where nothing can be left out.
 * @param wanted a column that is read all the same
 */
export async function columnsWithoutPictures(documents: Documents, wanted?: string): Promise<string[] | undefined> {
  if (documents.count === 0) return undefined
  const first = await documents.read(0, { pictures: [] })
  const kept = documents.columns.filter((column) => {
    if (column === wanted) return true
    const value = first[column]
    return !holdsBytes(value) && !(PICTURE.test(column) && (value === null || value === undefined))
  })
  return kept.length < documents.columns.length ? kept : undefined
}
