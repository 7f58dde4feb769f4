/** Reads a picture's file: a regular file of a size that a picture can have, with sentences for everything else. */

import { readFile, stat } from "node:fs/promises"
import { UserError } from "../errors.js"

/** Bytes of the largest file that is read. */
const MAXIMUM_FILE = 512 * 2 ** 20
/** Characters of a name in an error. */
const MAXIMUM_NAME = 200

const SENTENCES: Record<string, string> = {
  ENOENT: "there is no such image",
  ENOTDIR: "there is no such image",
  EACCES: "no permission to read the image",
  EPERM: "no permission to read the image",
  ENAMETOOLONG: "the image's name is too long",
  ELOOP: "the image is a link that leads to itself",
}

/** A name that fits on a line, without control characters. */
export function readableName(name: string): string {
  const line = name.replace(/[\0-\x1f\x7f]/g, (character) => JSON.stringify(character).slice(1, -1))
  return line.length > MAXIMUM_NAME ? `${line.slice(0, MAXIMUM_NAME)}…` : line
}

/** @throws UserError for what is not a regular, readable file of up to 512 MiB */
export async function readPicture(path: string): Promise<Uint8Array> {
  const where = readableName(path)
  const scheme = /^(https?|data|file|ftp):/i.exec(path)?.[1].toLowerCase()
  if (scheme)
    throw new UserError(`the image is given as a ${scheme}: URL`, { where, fix: "save it as a file and give its path" })
  if (path.includes("\0"))
    throw new UserError("the image's name contains a NUL character", { where, fix: "check the path" })
  try {
    const file = await stat(path)
    if (file.isDirectory()) throw new UserError("this is a folder, not an image", { where, fix: "check the path" })
    // A pipe or a device could be read for ever.
    if (!file.isFile())
      throw new UserError("this is not a regular file", { where, fix: "copy the image into a file and give its path" })
    if (file.size > MAXIMUM_FILE) throw tooLarge(file.size, where)
    const bytes = await readFile(path)
    if (bytes.length > MAXIMUM_FILE) throw tooLarge(bytes.length, where)
    return bytes
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const code = (cause as NodeJS.ErrnoException).code ?? ""
    const what = SENTENCES[code] ?? `the image cannot be read${code && ` (${code})`}`
    throw new UserError(what, { where, fix: "check the path", cause })
  }
}

function tooLarge(bytes: number, where: string): UserError {
  return new UserError(`the image's file has ${Math.ceil(bytes / 2 ** 20)} MiB, more than the 512 MiB allowed`, {
    where,
    fix: "make the image smaller first",
  })
}
