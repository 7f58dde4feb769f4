/** One blob from the hub into the cache: resumed by byte range, checked against its hash, moved into place when right. */
import { createHash, type Hash } from "node:crypto"
import { constants, createReadStream } from "node:fs"
import fs from "node:fs/promises"
import path from "node:path"
import { UserError } from "../errors.js"
import { makeFolder } from "../make-folder.js"
import type { RepositoryCache } from "./cache.js"
import { ConnectionError } from "./connection.js"
import type { HubFile } from "./listing.js"
import { HubUnreachable, MAX_TRIES, pause, type RequestOptions, request } from "./request.js"

/** Reports the bytes of the blob on disk, and how many of them came over the wire since the last report. */
export type BlobProgress = (bytesOnDisk: number, received: number) => void

/**
 * Downloads until the blob is whole and its hash is right. What an interrupted run left is kept and continued. A wrong
 * hash is tried once more from the start, since a damaged leftover is the likeliest cause.
 * @throws UserError when the hash is wrong twice; HubUnreachable when the connection keeps breaking without progress.
 */
export async function downloadBlob(
  url: string,
  file: HubFile,
  cache: RepositoryCache,
  options: RequestOptions,
  onProgress: BlobProgress,
): Promise<void> {
  const partial = cache.partialBlob(file.etag)
  makeFolder(path.dirname(partial))
  let failures = 0
  let mismatches = 0
  for (let before = -1; ; ) {
    const start = await usableBytes(partial, file.size)
    if (start > before) failures = 0
    before = start
    try {
      const digest = await receive(url, file, partial, start, options, onProgress)
      if (digest === file.etag) break
      await fs.rm(partial, { force: true })
      before = -1
      if (++mismatches === 2)
        throw new UserError(`the download has the wrong ${file.hash} hash: ${digest}, not ${file.etag}`, {
          where: `${options.subject}/${file.path}`,
          fix: "Run it again later; if it stays so, the file on the server or something on the way is damaged.",
        })
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!(error instanceof ConnectionError)) throw error
      if (++failures === MAX_TRIES)
        throw new HubUnreachable(`the download of ${file.path} keeps breaking off: ${error.message}`, {
          where: options.subject,
          fix: "Check the connection and run it again: it continues where it stopped.",
        })
      await pause(failures, error.message, options)
    }
  }
  await fs.rename(partial, cache.blob(file.etag))
}

async function usableBytes(partial: string, size: number): Promise<number> {
  const stats = await fs.stat(partial).catch(() => undefined)
  return stats && stats.size <= size ? stats.size : 0
}

/** Fetches the bytes from `start` on and gives the hash of the whole. */
async function receive(
  url: string,
  file: HubFile,
  partial: string,
  start: number,
  options: RequestOptions,
  onProgress: BlobProgress,
): Promise<string> {
  if (start === file.size && start > 0) {
    onProgress(start, 0)
    return (await hashOfPrefix(partial, start, file)).digest("hex")
  }
  const headers: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {}
  const response = await request(url, { ...options, headers })
  // A server without ranges answers with the whole file.
  const ranged = response.status === 206 && response.headers["content-range"]?.startsWith(`bytes ${start}-`)
  let position = ranged ? start : 0
  if (response.status === 416 || (response.status === 206 && !ranged)) {
    response.discard()
    await fs.rm(partial, { force: true })
    throw new ConnectionError("the server refuses to continue the file")
  }
  const hash = await hashOfPrefix(partial, position, file)
  onProgress(position, 0)
  // Written by position into a file that is never cut: two processes whose lock failed then write the same bytes to
  // the same places.
  const handle = await fs.open(partial, constants.O_RDWR | constants.O_CREAT)
  try {
    for await (const chunk of response.body) {
      if (position + chunk.length > file.size) throw new ConnectionError("the server sent more than the file's size")
      await writeAt(handle, chunk, position)
      hash.update(chunk)
      position += chunk.length
      onProgress(position, chunk.length)
    }
    if (position < file.size) throw new ConnectionError(`only ${position} of ${file.size} bytes came`)
    await handle.truncate(file.size)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return hash.digest("hex")
}

async function writeAt(handle: fs.FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done)
    done += bytesWritten
  }
}

async function hashOfPrefix(partial: string, bytes: number, file: HubFile): Promise<Hash> {
  const hash = createHash(file.hash === "sha256" ? "sha256" : "sha1")
  if (file.hash === "git-sha1") hash.update(`blob ${file.size}\0`)
  if (bytes > 0) for await (const chunk of createReadStream(partial, { end: bytes - 1 })) hash.update(chunk)
  return hash
}
