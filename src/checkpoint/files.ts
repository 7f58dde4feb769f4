/** Writing files so that a crash at any moment leaves the old ones whole, and file-system errors as sentences. */
import fs from "node:fs/promises"
import path from "node:path"
import { UserError } from "../errors.js"

const SENTENCES: Record<string, string> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "no permission to write here",
  EPERM: "no permission to write here",
  EROFS: "the file system is read-only",
  EFBIG: "the file system cannot hold a file this large",
}

/** Turns file-system failures that a user can mend into a UserError; gives anything else back as it is. */
export function explainFileError(error: unknown, where: string): unknown {
  const code = (error as NodeJS.ErrnoException)?.code
  const what = code === undefined ? undefined : SENTENCES[code]
  if (what === undefined || error instanceof UserError) return error
  return new UserError(what, { where, fix: "Free space or choose another folder, then run it again.", cause: error })
}

/** Name beside `target` that no reader takes for finished; holds the process id so that leftovers can be swept. */
export function partialName(target: string): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.partial`)
}

/** Removes partial files and folders that dead processes left in a folder. */
export async function sweepPartials(folder: string): Promise<void> {
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const pid = /^\..+\.(\d+)\.partial$/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) await fs.rm(path.join(folder, name), { recursive: true, force: true })
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Makes renames inside a folder durable. Systems that cannot sync a folder (Windows) are left to their own devices. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, "r").catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

/** Writes a whole file: temporary name, fsync, rename. */
export async function writeFileAtomic(file: string, data: string | Uint8Array): Promise<void> {
  const partial = partialName(file)
  try {
    const handle = await fs.open(partial, "w")
    try {
      await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.rename(partial, file)
    await syncFolder(path.dirname(file))
  } catch (error) {
    await fs.rm(partial, { force: true })
    throw explainFileError(error, file)
  }
}

/** Writes a JSON file atomically, indented by two spaces as model configs are. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`)
}

/**
 * Makes a folder that appears whole or not at all: `fill` writes into a partial folder beside it, which is renamed at
 * the end. The target may exist only as an empty folder.
 * @throws UserError when the target holds files already.
 */
export async function createFolder(folder: string, fill: (staging: string) => Promise<void>): Promise<void> {
  const target = path.resolve(folder)
  const refuse = () =>
    new UserError("the folder exists already and is not empty", {
      where: folder,
      fix: "Choose another name or delete it.",
    })
  const existing = await fs.readdir(target).catch((error) => {
    if (error.code === "ENOENT") return []
    throw error.code === "ENOTDIR" ? new UserError("it is a file, not a folder", { where: folder }) : error
  })
  if (existing.length > 0) throw refuse()
  const staging = partialName(target)
  try {
    await fs.mkdir(path.dirname(target), { recursive: true })
    await sweepPartials(path.dirname(target))
    await fs.rm(staging, { recursive: true, force: true })
    await fs.mkdir(staging)
    await fill(staging)
    await syncFolder(staging)
    await fs.rename(staging, target)
    await syncFolder(path.dirname(target))
  } catch (error) {
    await fs.rm(staging, { recursive: true, force: true })
    const code = (error as NodeJS.ErrnoException).code
    throw code === "ENOTEMPTY" || code === "EEXIST" ? refuse() : explainFileError(error, folder)
  }
}

/** @throws UserError when fewer than `bytes` are free where `folder` is or will be. */
export async function requireFreeSpace(folder: string, bytes: number): Promise<void> {
  let existing = path.resolve(folder)
  while (!(await fs.stat(existing).catch(() => undefined)) && existing !== path.dirname(existing))
    existing = path.dirname(existing)
  const { bavail, bsize } = await fs.statfs(existing)
  if (bavail * bsize < bytes)
    throw new UserError(`not enough space: ${gigabytes(bytes)} needed, ${gigabytes(bavail * bsize)} free`, {
      where: folder,
      fix: "Free space or choose another folder.",
    })
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`
}
