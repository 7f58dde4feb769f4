/** Whether what people name is a model in a GGUF file, by its path or by the folder that holds nothing else. */
import fs from "node:fs"
import path from "node:path"
import { UserError } from "../../errors.js"
import { label } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"

export const isGgufName = (name: string): boolean => /\.gguf$/i.test(name)

/** A vision tower in a file of its own, beside the language model that it belongs to. */
const isProjector = (name: string): boolean => /^mmproj\b/i.test(name)
const isLaterPart = (name: string): boolean => /-(?!00001)\d{5}-of-\d{5}\.gguf$/i.test(name)

/**
 * The GGUF file of a model: the path itself, or the only one of a folder without config.json (of a model in parts the
 * first). Undefined for anything else.
 * @throws UserError when such a folder has several
 */
export function ggufFile(source: string): string | undefined {
  if (isGgufName(source) && look(source)?.isFile()) return source
  if (!look(source)?.isDirectory() || fs.existsSync(path.join(source, "config.json"))) return undefined
  const files = namesIn(source).filter((name) => isGgufName(name) && !isProjector(name) && !isLaterPart(name))
  if (files.length > 1)
    throw new UserError(`the folder has ${files.length} GGUF files: ${files.sort().map(label).join(", ")}`, {
      where: source,
      fix: "name the file",
    })
  return files.length === 1 ? path.join(source, files[0]) : undefined
}

/** What is there; undefined also for what cannot be looked at: whoever opens it says why. */
function look(source: string): fs.Stats | undefined {
  try {
    return fs.statSync(source, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder)
  } catch (cause) {
    throw new UserError(`the folder cannot be read (${readingFailure(cause)})`, { where: folder, cause })
  }
}
