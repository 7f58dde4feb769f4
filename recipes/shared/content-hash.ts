/** What is in files, wherever they lie: large ones are known by their size and some of their bytes. */

import { createHash, type Hash } from "node:crypto"
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs"
import { join } from "node:path"

const PIECE = 1 << 16

/** A hash of a file, or of names and content of all files of a folder. */
export function contentHash(path: string): string {
  const hash = createHash("sha256")
  if (!statSync(path).isDirectory()) addFile(hash, path)
  else
    for (const name of (readdirSync(path, { recursive: true }) as string[]).sort())
      if (statSync(join(path, name)).isFile()) addFile(hash.update(`${name}\0`), join(path, name))
  return hash.digest("hex").slice(0, 16)
}

/** Both ends and the middle: of the weights of another training nearly every byte differs. */
function addFile(hash: Hash, file: string): void {
  const { size } = statSync(file)
  hash.update(`${size}\0`)
  const piece = Buffer.alloc(Math.min(PIECE, size))
  const descriptor = openSync(file, "r")
  try {
    for (const start of new Set([0, Math.floor((size - piece.length) / 2), size - piece.length])) {
      readSync(descriptor, piece, 0, piece.length, start)
      hash.update(piece)
    }
  } finally {
    closeSync(descriptor)
  }
}
