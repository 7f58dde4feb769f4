/** The user's cache folder of this program, shared by all checkouts. Set-up's scripts/lib/paths.mjs answers the same. */

import { userInfo } from "node:os"
import { join, resolve } from "node:path"
import { UserError } from "./errors.js"

/**
 * HOME, else what the system knows of the user.
 * @throws UserError when neither is known
 */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HOME) return resolve(env.HOME)
  try {
    const { homedir } = userInfo()
    if (homedir) return homedir
  } catch {
    // A user without an entry, as in some containers.
  }
  throw new UserError("the home folder is not known: HOME is not set", {
    fix: "Set HOME, or DIFFUSIONVL_CACHE and HF_HOME, to folders that can be written.",
  })
}

/** DIFFUSIONVL_CACHE, else the platform's place for caches. The folder may not exist yet. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home?: string,
): string {
  if (env.DIFFUSIONVL_CACHE) return resolve(env.DIFFUSIONVL_CACHE)
  if (env.XDG_CACHE_HOME) return join(resolve(env.XDG_CACHE_HOME), "diffusionvl")
  const folder = home ?? homeFolder(env)
  return platform === "darwin"
    ? join(folder, "Library", "Caches", "diffusionvl")
    : join(folder, ".cache", "diffusionvl")
}
