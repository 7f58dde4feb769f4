/** Parts of a run that are done are kept, so they must be those of the same settings, made of the same files. */

import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { writeJson } from "../../src/checkpoint/files.js"
import { isObject, readJsonObject } from "../../src/checkpoint/json.js"
import { UserError } from "../../src/errors.js"
import { readable, shown } from "../../src/readable.js"
import { contentHash } from "./content-hash.js"

/** What a run is made of. */
export interface Identity {
  /** Name of the recipe. */
  recipe: string
  settings: object
  /** More `key=value` for the recipes of its trainings. */
  train: readonly string[]
  /** Hashes of what was given instead of packages, by option. */
  given: Readonly<Record<string, string>>
}

/**
 * @param given paths, by option
 * @throws UserError when there is nothing in such a place
 */
export function hashesOf(given: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const hashes = Object.entries(given).flatMap(([name, path]): [string, string][] => {
    if (path === undefined) return []
    if (existsSync(path)) return [[name, contentHash(path)]]
    throw new UserError("there is no such file or folder", { where: path, fix: `see what --${name} was given` })
  })
  return Object.fromEntries(hashes)
}

/** Of the first moments of a run, and of file managers. */
const FIRST = /^(\.|writer\.lock)/

/**
 * Keeps what the run is made of in its folder.
 * @throws UserError when the folder is that of another run, or no run's
 */
export async function keepIdentity(folder: string, identity: Identity): Promise<void> {
  const file = join(folder, "settings.json")
  const refuse = (what: string, fix = "give another folder with --out, or delete this one"): never => {
    throw new UserError(what, { where: folder, fix })
  }
  if (!existsSync(file)) {
    const [other] = readdirSync(folder).filter((name) => !FIRST.test(name))
    if (other !== undefined)
      refuse(
        `the folder has other files, such as ${readable(other)}: no run of ${identity.recipe} began in it`,
        "give a new or empty folder with --out",
      )
    return writeJson(file, identity)
  }
  const kept = readJsonObject(file) as Partial<Identity>
  if (kept.recipe === undefined)
    refuse("the run in this folder is of an earlier version, which did not record all that it was made of")
  if (kept.recipe !== identity.recipe) refuse(`this is a run of ${shown(kept.recipe)}, not of ${identity.recipe}`)
  const others = [
    ...differences(kept.settings, identity.settings),
    ...differences(byKey(kept.train ?? []), byKey(identity.train)).map((other) => `--train ${other}`),
    ...givenOtherwise(kept.given ?? {}, identity.given),
  ]
  if (others.length > 0) refuse(`this run was started with other settings: ${others.join("; ")}`)
}

/** Of `key=value`, the last of a key counts. */
const byKey = (train: readonly string[]): Record<string, string> =>
  Object.fromEntries(train.map((text) => [text.split("=", 1)[0], text.slice(text.indexOf("=") + 1)]))

/** "steps.whole was 200, not 100". */
function differences(before: unknown, now: unknown, key = ""): string[] {
  if (isObject(before) && isObject(now))
    return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((name) =>
      differences(before[name], now[name], key === "" ? name : `${key}.${name}`),
    )
  return JSON.stringify(before) === JSON.stringify(now) ? [] : [`${key} was ${shown(before)}, not ${shown(now)}`]
}

function givenOtherwise(before: Identity["given"], now: Identity["given"]): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((name) => {
    if (before[name] === now[name]) return []
    if (before[name] === undefined) return [`--${name} was not given`]
    return [now[name] === undefined ? `--${name} was given` : `--${name} was another: its content differs`]
  })
}
