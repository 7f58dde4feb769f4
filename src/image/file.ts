/** Reads a picture's file: a regular file of a size that a picture can have, with sentences for everything else. */

import { open, readFile, stat } from "node:fs/promises"
import { UserError } from "../errors.js"
import { readable } from "../readable.js"
import { readingFailure } from "../system-failures.js"

/** Bytes of the largest file that is read. */
const MAXIMUM_FILE = 512 * 2 ** 20
/** Characters of a name in an error. */
const MAXIMUM_NAME = 200

/** A name that fits on a line, without control characters. */
export function readableName(name: string): string {
  return readable(name, MAXIMUM_NAME)
}

/** @throws UserError for what is not a regular, readable file of up to 512 MiB */
export async function readPicture(path: string): Promise<Uint8Array> {
  await requirePicture(path)
  const bytes = await explaining(path, () => readFile(path))
  // It may have grown.
  if (bytes.length > MAXIMUM_FILE) throw tooLarge(bytes.length, readableName(path))
  return bytes
}

/**
 * The first bytes of a picture's file.
 * @throws UserError as `readPicture`
 */
export async function readBeginning(path: string, bytes: number): Promise<Uint8Array> {
  await requirePicture(path)
  return explaining(path, async () => {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  })
}

/**
 * Looks at a file without opening it: opening a pipe waits for its writer, and a device could be read for ever.
 * @throws UserError for what is not a regular file of up to 512 MiB
 */
export async function requirePicture(path: string): Promise<void> {
  const where = readableName(path)
  const scheme = /^(https?|data|file|ftp):/i.exec(path)?.[1].toLowerCase()
  if (scheme)
    throw new UserError(`the image is given as a ${scheme}: URL`, { where, fix: "save it as a file and give its path" })
  if (path.includes("\0"))
    throw new UserError("the image's name contains a NUL character", { where, fix: "check the path" })
  const file = await explaining(path, () => stat(path))
  if (file.isDirectory()) throw new UserError("this is a folder, not an image", { where, fix: "check the path" })
  if (!file.isFile())
    throw new UserError("this is not a regular file", { where, fix: "copy the image into a file and give its path" })
  if (file.size > MAXIMUM_FILE) throw tooLarge(file.size, where)
}

async function explaining<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new UserError(readingFailure(cause, "image"), { where: readableName(path), fix: "check the path", cause })
  }
}

/** What the decoder says is wrong with a picture, without the names of its functions. */
export function decoderSays(error: unknown): string {
  const [line] = (error as Error).message.trim().split("\n")
  return line.replace(/\b\w*vips\w*: /gi, "")
}

function tooLarge(bytes: number, where: string): UserError {
  return new UserError(`the image's file has ${Math.ceil(bytes / 2 ** 20)} MiB, more than the 512 MiB allowed`, {
    where,
    fix: "make the image smaller first",
  })
}
