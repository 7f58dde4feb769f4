/** Names that a training will write at its end, looked at before it begins: hours later something in the way costs more. */

import { lstatSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { explaining } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"

const FIX = "Move or delete it, or choose another output folder."
/** Files of a model folder, whichever of them it will have. */
const MODEL_FILE = /\.(json|safetensors|txt|jinja|model)$/

/**
 * @param places names that will be folders, and names that will be files
 * @throws UserError when something else has one of the names already
 */
export function requirePlaces(places: { folders?: readonly string[]; files?: readonly string[] }): void {
  for (const folder of places.folders ?? []) requireKind(folder, "folder")
  for (const file of places.files ?? []) requireKind(file, "file")
}

/** All that a training writes to its output folder, and the names of checkpoints that it may come to. */
export function requireTrainingPlaces(output: string): void {
  requirePlaces({
    folders: ["", "start", "model", "tensorboard"].map((name) => join(output, name)),
    files: ["metrics.jsonl", "data.index"].map((name) => join(output, name)),
  })
  requirePlaces({
    folders: namesIn(output, /^checkpoint-\d+$/),
    files: namesIn(join(output, "model"), MODEL_FILE),
  })
}

function namesIn(folder: string, pattern: RegExp): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })) return []
  const names = explaining(folder, () => readdirSync(folder))
  return names.filter((name) => pattern.test(name)).map((name) => join(folder, name))
}

function requireKind(path: string, kind: "file" | "folder"): void {
  const found = explaining(path, () => statSync(path, { throwIfNoEntry: false }))
  if (found === undefined) {
    // A link that leads nowhere is something too.
    if (!lstatSync(path, { throwIfNoEntry: false })) return
    throw new UserError("there is a link that leads to nothing where the training will write", {
      where: path,
      fix: FIX,
    })
  }
  if (kind === "file" ? found.isFile() : found.isDirectory()) return
  const what = found.isDirectory() ? "a folder" : found.isFile() ? "a file" : "a pipe or a device"
  throw new UserError(`there is ${what} where the training will write a ${kind}`, { where: path, fix: FIX })
}
