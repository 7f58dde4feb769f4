/** Hub settings from the environment, with the names and precedence that huggingface_hub uses. */
import fs from "node:fs"
import path from "node:path"
import { homeFolder } from "../cache-folder.js"
import { UserError } from "../errors.js"
import { type Proxies, readProxies } from "./proxy.js"

export interface HubSettings {
  endpoint: string
  /** Folder with models--org--name folders, shared with huggingface_hub. */
  cache: string
  token?: string
  /** Only the cache is read; no connection is made. */
  offline: boolean
  /** Snapshots hold files, not links. */
  noSymlinks?: boolean
  proxies?: Proxies
}

type Environment = Record<string, string | undefined>

/**
 * Reads HF_ENDPOINT, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH,
 * HF_HUB_OFFLINE, HF_HUB_DISABLE_SYMLINKS and the variables of proxies.
 * @throws UserError when HF_ENDPOINT is no address, or the home folder is needed and not known
 */
export function hubSettings(env: Environment = process.env): HubSettings {
  const home = () => expand(env.HF_HOME || path.join(env.XDG_CACHE_HOME || "~/.cache", "huggingface"), env)
  const cache = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE
  return {
    endpoint: endpointOf(env.HF_ENDPOINT || "https://huggingface.co"),
    cache: cache ? expand(cache, env) : path.join(home(), "hub"),
    token: findToken(env, home),
    offline: isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE),
    noSymlinks: isTrue(env.HF_HUB_DISABLE_SYMLINKS),
    proxies: readProxies(env),
  }
}

function endpointOf(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url?.hostname || !["http:", "https:"].includes(url.protocol) || url.username || url.password)
    throw new UserError("this is not the address of a model hub", {
      where: "HF_ENDPOINT",
      fix: "It looks like https://huggingface.co, without a name or a password; a token belongs in HF_TOKEN.",
    })
  return value.replace(/\/+$/, "")
}

function findToken(env: Environment, home: () => string): string | undefined {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined
  const named = (env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN)?.trim()
  if (named) return plain(named, "HF_TOKEN")
  let file: string | undefined
  let text: string
  try {
    file = env.HF_TOKEN_PATH ? expand(env.HF_TOKEN_PATH, env) : path.join(home(), "token")
    // Opening a pipe would wait for its writer.
    text = fs.statSync(file).isFile() ? fs.readFileSync(file, "utf8").trim() : ""
  } catch {
    return undefined
  }
  return text ? plain(text, file) : undefined
}

/** A header cannot hold anything else, and the error must not repeat what is secret. */
function plain(token: string, where: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new UserError("the token holds characters that no token has", { where, fix: "Copy the token again." })
}

function isTrue(value: string | undefined): boolean {
  return ["1", "ON", "YES", "TRUE"].includes(value?.toUpperCase() ?? "")
}

function expand(value: string, env: Environment): string {
  const filled = value.replace(/\$(\w+)|\$\{(\w+)\}/g, (whole, a, b) => env[a ?? b] ?? whole)
  return path.resolve(filled.replace(/^~(?=$|[/\\])/, () => homeFolder(env as NodeJS.ProcessEnv)))
}
