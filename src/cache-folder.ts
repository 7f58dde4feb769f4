/** The user's cache folder of this program, shared by all checkouts. Set-up's scripts/lib/paths.mjs answers the same. */

import { homedir } from "node:os"
import { join, resolve } from "node:path"

/** DIFFUSIONVL_CACHE, else the platform's place for caches. The folder may not exist yet. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): string {
  if (env.DIFFUSIONVL_CACHE) return resolve(env.DIFFUSIONVL_CACHE)
  if (env.XDG_CACHE_HOME) return join(resolve(env.XDG_CACHE_HOME), "diffusionvl")
  return platform === "darwin" ? join(home, "Library", "Caches", "diffusionvl") : join(home, ".cache", "diffusionvl")
}
