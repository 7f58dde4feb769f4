/** The index of a sharded checkpoint: which file holds which tensor, and the file names every loader knows. */
import path from "node:path"
import { UserError } from "../../errors.js"
import { label, shown } from "../../readable.js"
import { readJsonObject } from "../json.js"

export const SINGLE_FILE = "model.safetensors"
export const INDEX_FILE = "model.safetensors.index.json"
/** The same before safetensors. */
export const PICKLED_FILE = "pytorch_model.bin"
export const PICKLED_INDEX = "pytorch_model.bin.index.json"

/**
 * Shard of every tensor as the index says.
 * @throws UserError when it is not JSON or not a map of tensor names to file names
 */
export function readIndex(index: string): Map<string, string> {
  const { weight_map: map } = readJsonObject(index)
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw new UserError("it has no weight_map of tensors to files", { where: index, fix: "download it again" })
  for (const [name, file] of Object.entries(map))
    if (typeof file !== "string" || !isFileName(file))
      throw new UserError(`weight_map sends ${label(name)} to ${shown(file)}, which is not a file name`, {
        where: index,
      })
  return new Map(Object.entries(map as Record<string, string>))
}

const isFileName = (file: string): boolean =>
  file !== "" && file !== "." && file !== ".." && path.basename(file) === file && !file.includes("\0")
