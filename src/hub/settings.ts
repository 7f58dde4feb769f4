/** Hub settings from the environment, with the names and precedence that huggingface_hub uses. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"

export interface HubSettings {
  endpoint: string
  /** Folder with models--org--name folders, shared with huggingface_hub. */
  cache: string
  token?: string
  /** Only the cache is read; no connection is made. */
  offline: boolean
}

type Environment = Record<string, string | undefined>

/** Reads HF_ENDPOINT, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE. */
export function hubSettings(env: Environment = process.env): HubSettings {
  const home = expand(env.HF_HOME || path.join(env.XDG_CACHE_HOME || "~/.cache", "huggingface"), env)
  return {
    endpoint: (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""),
    cache: expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || path.join(home, "hub"), env),
    token: findToken(env, home),
    offline: isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE),
  }
}

function findToken(env: Environment, home: string): string | undefined {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined
  const named = (env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN)?.trim()
  if (named) return named
  try {
    return fs.readFileSync(expand(env.HF_TOKEN_PATH || path.join(home, "token"), env), "utf8").trim() || undefined
  } catch {
    return undefined
  }
}

function isTrue(value: string | undefined): boolean {
  return ["1", "ON", "YES", "TRUE"].includes(value?.toUpperCase() ?? "")
}

function expand(value: string, env: Environment): string {
  const filled = value.replace(/\$(\w+)|\$\{(\w+)\}/g, (whole, a, b) => env[a ?? b] ?? whole)
  return path.resolve(filled.replace(/^~(?=$|[/\\])/, env.HOME || os.homedir()))
}
