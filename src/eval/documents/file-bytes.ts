/** A file read by position, as hyparquet wants it: nothing but what is asked for is in memory. */

import { open, stat } from "node:fs/promises"
import { UserError } from "../../errors.js"
import { readable } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"

export interface FileBytes {
  byteLength: number
  slice(start: number, end?: number): Promise<ArrayBuffer>
  close(): void
}

const FIX = "check the path, or download the file again"

/** @throws UserError when it cannot be opened */
export async function openBytes(file: string): Promise<FileBytes> {
  const where = readable(file, 200)
  const explaining = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (cause) {
      throw new UserError(`the data file cannot be read: ${readingFailure(cause)}`, { where, fix: FIX, cause })
    }
  }
  // Looked at before it is opened: opening a pipe waits for its writer.
  const found = await explaining(stat(file))
  if (!found.isFile()) throw new UserError("the data file is no regular file", { where, fix: FIX })
  const handle = await explaining(open(file))
  const { size } = await handle.stat()
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (!(start >= 0 && end >= start && end <= size))
        throw new UserError(`it speaks of the bytes ${start} to ${end}, and has ${size}`, { where, fix: FIX })
      const bytes = new Uint8Array(end - start)
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await explaining(handle.read(bytes, done, bytes.length - done, start + done))
        if (bytesRead === 0)
          throw new UserError("the file has become shorter while it was read", { where, fix: "run it again" })
        done += bytesRead
      }
      return bytes.buffer
    },
    close: () => void handle.close().catch(() => {}),
  }
}
