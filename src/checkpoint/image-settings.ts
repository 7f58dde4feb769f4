/** The image-processor settings of a model folder: found where transformers looks for them, and their pixel limits. */
import fs from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { type Json, readJsonObject } from "./json.js"

/** Settings as they stand in a file. */
export interface ImageSettings {
  values: Json
  /** File that holds them. */
  file: string
  /** Key under which they stand there; empty for the top level. */
  under: string
}

/** transformers ≥ 5 saves the settings of all processors in the one, older releases those of images in the other. */
const NESTED = { file: "processor_config.json", key: "image_processor" }
const FLAT = "preprocessor_config.json"

/**
 * The settings of a folder, in transformers' order: `image_processor` of processor_config.json, else
 * preprocessor_config.json; undefined where there is neither.
 * @throws UserError for a file that is no JSON object, or settings that are none
 */
export function findImageSettings(folder: string): ImageSettings | undefined {
  const nested = path.join(folder, NESTED.file)
  if (fs.existsSync(nested)) {
    const values = readJsonObject(nested)[NESTED.key] ?? undefined
    if (values !== undefined) {
      if (typeof values !== "object" || Array.isArray(values))
        throw new UserError(`${NESTED.key} is ${shown(values)}, not an object`, { where: nested, fix: RESTORE })
      return { values: values as Json, file: nested, under: NESTED.key }
    }
  }
  const flat = path.join(folder, FLAT)
  return fs.existsSync(flat) ? { values: readJsonObject(flat), file: flat, under: "" } : undefined
}

/**
 * What the processor around the image processor is told: the top level of processor_config.json. Empty where there is none.
 * @throws UserError for a file that is no JSON object
 */
export function findProcessorSettings(folder: string): ImageSettings {
  const file = path.join(folder, NESTED.file)
  return { values: fs.existsSync(file) ? readJsonObject(file) : {}, file, under: "" }
}

export const RESTORE = "restore the file that came with the model"

/** The error for a setting that cannot be right. */
export function badSetting({ file, under }: ImageSettings, key: string, what: string, fix = RESTORE): UserError {
  return new UserError(`${under ? `${under}.` : ""}${key} ${what}`, { where: file, fix })
}
