/** Writing files so that a crash at any moment leaves the old ones whole, and file-system errors as sentences. */
import fs from "node:fs/promises"
import path from "node:path"
import { UserError } from "../errors.js"
import { makeFolder } from "../make-folder.js"
import { writingFailure } from "../system-failures.js"

/** Turns file-system failures that a user can mend into a UserError; gives anything else back as it is. */
export function explainFileError(error: unknown, where?: string): unknown {
  const failure = error instanceof UserError ? undefined : writingFailure(error)
  if (!failure) return error
  const { path: failed } = error as NodeJS.ErrnoException
  return new UserError(failure.what, { where: where ?? failed, fix: failure.fix, cause: error })
}

/** Runs file work; its failures name the file as sentences. */
export function explaining<T>(where: string, work: () => T): T {
  try {
    const result = work()
    if (!(result instanceof Promise)) return result
    return result.catch((error) => {
      throw explainFileError(error, where)
    }) as T
  } catch (error) {
    throw explainFileError(error, where)
  }
}

/** Name beside `target` that no reader takes for finished; holds the process id so that leftovers can be swept. */
export function partialName(target: string): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.partial`)
}

/**
 * Removes partial files and folders that dead processes left in a folder.
 * @param options.alone nobody else writes here: process ids that are in use again do not count
 */
export async function sweepPartials(folder: string, { alone = false } = {}): Promise<void> {
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const pid = /^\..+\.(\d+)\.partial$/.exec(name)?.[1]
    if (pid && (alone || !isAlive(Number(pid)))) await fs.rm(path.join(folder, name), { recursive: true, force: true })
  }
}

/** Removes a folder so that, whenever the process dies, none with half its files stays under its name. */
export async function removeFolder(folder: string): Promise<void> {
  const doomed = partialName(folder)
  await fs.rename(folder, doomed)
  await fs.rm(doomed, { recursive: true, force: true })
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
    await fs.rm(partial, { force: true }).catch(() => undefined)
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
 * @param options.replace whatever has the target's name gives way once the new folder is whole
 * @throws UserError when the target holds files already, or cannot be written.
 */
export async function createFolder(
  folder: string,
  fill: (staging: string) => Promise<void>,
  { replace = false } = {},
): Promise<void> {
  const target = path.resolve(folder)
  if (!replace) await requireVacant(folder)
  const staging = partialName(target)
  try {
    await explaining(path.dirname(folder), () => makeFolder(path.dirname(target)))
    await sweepPartials(path.dirname(target))
    await fs.rm(staging, { recursive: true, force: true })
    await fs.mkdir(staging)
    await fill(staging)
    await syncFolder(staging)
    const old = partialName(`${target}.old`)
    if (replace) await fs.rename(target, old).catch(ignoring("ENOENT"))
    await fs.rename(staging, target)
    await syncFolder(path.dirname(target))
    if (replace) await fs.rm(old, { recursive: true, force: true })
  } catch (error) {
    await fs.rm(staging, { recursive: true, force: true }).catch(() => undefined)
    const code = (error as NodeJS.ErrnoException).code
    if (code === "ENOTEMPTY" || code === "EEXIST") throw notVacant(folder)
    throw elsewhere(explainFileError(error, folder), staging, folder)
  }
}

async function requireVacant(folder: string): Promise<void> {
  const existing = await fs.readdir(folder).catch((error) => {
    if (error.code === "ENOENT") return []
    throw error.code === "ENOTDIR"
      ? new UserError("it is a file, not a folder", { where: folder })
      : explainFileError(error, folder)
  })
  if (existing.length > 0) throw notVacant(folder)
}

function notVacant(folder: string): UserError {
  return new UserError("the folder exists already and is not empty", {
    where: folder,
    fix: "Choose another name or delete it.",
  })
}

/** People know the folder by its final name. */
function elsewhere(error: unknown, staging: string, folder: string): unknown {
  if (!(error instanceof UserError && error.where?.startsWith(staging))) return error
  const { message, fix, cause } = error
  return new UserError(message, { where: folder + error.where.slice(staging.length), fix, cause })
}

function ignoring(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error
  }
}

/** @throws UserError when fewer than `bytes` are free where `folder` is or will be. */
export async function requireFreeSpace(folder: string, bytes: number): Promise<void> {
  let existing = path.resolve(folder)
  while (!(await fs.stat(existing).catch(() => undefined)) && existing !== path.dirname(existing))
    existing = path.dirname(existing)
  const { bavail, bsize } = await explaining(folder, () => fs.statfs(existing))
  if (bavail * bsize < bytes)
    throw new UserError(`not enough space: ${inUnits(bytes)} needed, ${inUnits(bavail * bsize)} free`, {
      where: folder,
      fix: "Free space or choose another folder.",
    })
}

function inUnits(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}
