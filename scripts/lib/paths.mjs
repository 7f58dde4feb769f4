// Where things lie: this package, and the user's cache that all checkouts share.

import { existsSync } from "node:fs"
import { userInfo } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { SetupError } from "./setup-error.mjs"

/** The folder of this package. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..")

/** True in a clone, false in an installed package: only a clone has sources to build. */
export function isCheckout(folder = root) {
  return existsSync(join(folder, "src", "cli")) && existsSync(join(folder, "tsconfig.build.json"))
}

/**
 * The user's cache folder: DIFFUSIONVL_CACHE, else the platform's place.
 * @param {Record<string, string | undefined>} [env]
 * @param {string} [platform]
 * @param {string} [home]
 */
export function cacheFolder(env = process.env, platform = process.platform, home) {
  if (env.DIFFUSIONVL_CACHE) return resolve(env.DIFFUSIONVL_CACHE)
  if (env.XDG_CACHE_HOME) return join(resolve(env.XDG_CACHE_HOME), "diffusionvl")
  const folder = home ?? homeFolder(env)
  return platform === "darwin"
    ? join(folder, "Library", "Caches", "diffusionvl")
    : join(folder, ".cache", "diffusionvl")
}

/** HOME, else what the system knows of the user. */
function homeFolder(env) {
  if (env.HOME) return resolve(env.HOME)
  try {
    const { homedir } = userInfo()
    if (homedir) return homedir
  } catch {
    // A user without an entry, as in some containers.
  }
  throw new SetupError(
    "the home folder is not known: HOME is not set",
    "set HOME or DIFFUSIONVL_CACHE to a folder that can be written",
  )
}
