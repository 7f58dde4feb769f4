/** Parts of a run that are done are kept, so they must be those of the same settings, made of the same files. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { UserError } from "../../src/errors.js"
import { contentHash } from "./content-hash.js"

/** Paths that were given instead of packages, by option. */
export type Given = Readonly<Record<string, string | undefined>>

/**
 * Keeps the settings of a run in its folder, with hashes of what it was given. A folder whose run recorded none of these
 * records them now.
 * @throws UserError when the folder is that of a run with others
 */
export async function keepSettings(settings: object, folder: string, given: Given = {}): Promise<void> {
  const file = join(folder, "settings.json")
  const refuse = (what: string): never => {
    throw new UserError(`this run was started with ${what}`, {
      where: folder,
      fix: "give another folder with --out, or delete this one",
    })
  }
  const hashes = Object.fromEntries(Object.entries(given).flatMap(([name, path]) => hashOf(name, path)))
  if (existsSync(file)) {
    const { given: recorded, ...kept } = readJsonObject(file) as { given?: Record<string, string> }
    if (JSON.stringify(kept) !== JSON.stringify(settings)) refuse("other settings")
    for (const name of Object.keys({ ...recorded, ...hashes })) {
      if (recorded === undefined || recorded[name] === hashes[name]) continue
      if (recorded[name] === undefined) refuse(`no --${name}`)
      refuse(hashes[name] === undefined ? `--${name}` : `another --${name}: its content differs`)
    }
    if (recorded !== undefined) return
  }
  await writeJson(file, { ...settings, given: hashes })
}

function hashOf(name: string, path: string | undefined): [string, string][] {
  if (path === undefined) return []
  if (existsSync(path)) return [[name, contentHash(path)]]
  throw new UserError("there is no such file or folder", { where: path, fix: `see what --${name} was given` })
}
