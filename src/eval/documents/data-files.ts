/** Files of a folder that hold rows, as the hub lists them. */

import { readdir } from "node:fs/promises"
import { join, sep } from "node:path"
import { UserError } from "../../errors.js"
import { readable } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"

export const isDataFile = (path: string): boolean => /\.(parquet|tsv|csv|jsonl|ndjson|json)$/i.test(path)

/** What people have beside them. */
export function otherFormat(ending: string): { what: string; fix: string } | undefined {
  if (/^(gz|tgz|bz2|xz|zst|lz4|zip|tar|7z)$/.test(ending))
    return { what: "the file is packed, and rows of packed files cannot be read one by one", fix: "unpack it first" }
  if (/^(arrow|feather|orc|avro|xlsx?|ods|pkl|pickle|h5|hdf5|npz|npy|lance)$/.test(ending))
    return {
      what: `files of ${ending.toUpperCase()} are not read`,
      fix: "write it as Parquet or JSONL (datasets: to_parquet, pandas: to_parquet)",
    }
  return undefined
}

/** Folders deeper than these hold something else. */
const DEPTH = 4

/** Slash-separated paths inside the folder, hidden files left out. @throws UserError when it cannot be read */
export async function listDataFiles(folder: string): Promise<string[]> {
  const files: string[] = []
  const walk = async (inner: string, depth: number): Promise<void> => {
    for (const entry of await readdir(join(folder, inner), { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue
      const path = join(inner, entry.name)
      // Links to folders are not followed; those to files are what caches consist of.
      if (entry.isDirectory()) {
        if (depth < DEPTH) await walk(path, depth + 1)
      } else if (isDataFile(path)) files.push(path.split(sep).join("/"))
    }
  }
  try {
    await walk("", 1)
  } catch (cause) {
    throw new UserError(`the folder cannot be read: ${readingFailure(cause)}`, { where: readable(folder, 200), cause })
  }
  return files.sort()
}
