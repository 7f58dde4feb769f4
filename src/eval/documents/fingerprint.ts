/** What tells whether data is still the same: the hub's hashes where files lie in its cache, else hashes of the files. */

import { createHash } from "node:crypto"
import { open, realpath, stat } from "node:fs/promises"
import { basename } from "node:path"

/** Of larger files the size, the beginning and the end, where Parquet describes its content, stand for the whole. */
const HASHED_WHOLE = 256 << 20
const CHUNK = 1 << 20

/** Of the contents in their order; names and places do not count, nor whether a cache keeps links or copies. */
export async function fingerprintOfFiles(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256")
  for (const file of files) hash.update(`${await contentOf(file)}\n`)
  return hash.digest("hex")
}

async function contentOf(file: string): Promise<string> {
  const blob = basename(await realpath(file))
  if (/^[0-9a-f]{64}$/.test(blob)) return blob
  const { size } = await stat(file)
  const hash = createHash("sha256")
  if (size > HASHED_WHOLE) hash.update(`${size}\n`)
  const handle = await open(file)
  try {
    const buffer = new Uint8Array(CHUNK)
    for (let position = 0; position < size; ) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, position)
      if (bytesRead === 0) break
      hash.update(buffer.subarray(0, bytesRead))
      position += bytesRead
      if (size > HASHED_WHOLE && position < size - CHUNK) position = size - CHUNK
    }
  } finally {
    await handle.close()
  }
  return hash.digest("hex")
}
