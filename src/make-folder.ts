/** Folders that may not be there yet. */
import fs from "node:fs"
import path from "node:path"

/**
 * Makes a folder and those above it, like `mkdir -p`. Node's own `recursive` never ends where the system says that a
 * folder cannot exist (under /proc, for example): here that is an error.
 */
export function makeFolder(folder: string): void {
  const target = path.resolve(folder)
  if (isFolder(target)) return
  if (path.dirname(target) !== target) makeFolder(path.dirname(target))
  try {
    fs.mkdirSync(target)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    if (!isFolder(target)) throw Object.assign(error as Error, { code: "ENOTDIR" }) // a file of that name
  }
}

function isFolder(target: string): boolean {
  return fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false
}
