/** The index of a sharded checkpoint: which file holds which tensor, and the file names every loader knows. */
import fs from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"

export const SINGLE_FILE = "model.safetensors"
export const INDEX_FILE = "model.safetensors.index.json"

/** Shard of every tensor as the index says. */
export function readIndex(index: string): Map<string, string> {
  let map: unknown
  try {
    map = JSON.parse(fs.readFileSync(index, "utf8"))?.weight_map
  } catch (cause) {
    throw new UserError(`not a JSON file (${(cause as Error).message})`, { where: index, cause })
  }
  if (typeof map !== "object" || map === null) throw new UserError("it has no weight_map", { where: index })
  for (const [name, file] of Object.entries(map))
    if (typeof file !== "string" || path.basename(file) !== file || file === "..")
      throw new UserError(`weight_map sends ${name} to ${JSON.stringify(file)}, which is not a file name`, {
        where: index,
      })
  return new Map(Object.entries(map as Record<string, string>))
}
