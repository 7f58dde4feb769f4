/** Pictures in a folder of this machine that the server was told to show. */

import { constants } from "node:fs"
import { open, realpath } from "node:fs/promises"
import { sep } from "node:path"
import { fileURLToPath } from "node:url"
import { invalid } from "../api-error.js"

const missing = (): Error => invalid("there is no such picture below --image-root", "messages", "image_not_available")

/**
 * @param url file:///… below `root`, links followed first
 * @param bytes of the file at most
 * @throws ApiError for what is not there, and the same for what is elsewhere: nothing is told of other folders
 */
export async function readLocalPicture(url: string, root: string, bytes: number): Promise<Uint8Array> {
  const [folder, path] = await Promise.all([realpath(root), realpath(pathOf(url))]).catch(() => {
    throw missing()
  })
  if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) throw missing()
  // The path has no links any more: one that appears now is somebody's trick. A pipe must not be waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => {
    throw missing()
  })
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw missing()
    if (stats.size > bytes)
      throw invalid(
        `a picture has more than the ${bytes} bytes left for the pictures of a request`,
        "messages",
        "image_too_large",
      )
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url)
  } catch {
    throw missing()
  }
}
