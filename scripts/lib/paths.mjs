// Where things lie: this package, and the user's cache that all checkouts share.

import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** The folder of this package. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..")

/** True in a clone, false in an installed package: only a clone has sources to build. */
export function isCheckout(folder = root) {
  return existsSync(join(folder, "src", "cli")) && existsSync(join(folder, "tsconfig.build.json"))
}

/** The user's cache folder: DIFFUSIONVL_CACHE, else the platform's place. */
export function cacheFolder(env = process.env, platform = process.platform, home = homedir()) {
  if (env.DIFFUSIONVL_CACHE) return resolve(env.DIFFUSIONVL_CACHE)
  if (env.XDG_CACHE_HOME) return join(resolve(env.XDG_CACHE_HOME), "diffusionvl")
  return platform === "darwin" ? join(home, "Library", "Caches", "diffusionvl") : join(home, ".cache", "diffusionvl")
}
