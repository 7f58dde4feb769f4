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

/** What all uploads of Qwen2.5-VL say: for a folder without settings, which transformers does not load. */
const PUBLISHED_LIMITS = { minPixels: 56 * 56, maxPixels: 28 * 28 * 16384 }

/** Qwen2VLImageProcessor's own limits: what holds for a file that says nothing. */
const DEFAULT_LIMITS = { minPixels: 56 * 56, maxPixels: 28 * 28 * 1280 }

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

export const RESTORE = "restore the file that came with the model"

/** The error for a setting that cannot be right. */
export function badSetting({ file, under }: ImageSettings, key: string, what: string, fix = RESTORE): UserError {
  return new UserError(`${under ? `${under}.` : ""}${key} ${what}`, { where: file, fix })
}

/**
 * Pixels of a picture: `min_pixels` and `max_pixels`, else `size.shortest_edge` and `size.longest_edge` (areas, in
 * spite of their names; older files call them as the first), else the library's.
 * @throws UserError for a `size` that says something else, or limits that cannot be right
 */
export function pixelLimits(settings: ImageSettings | undefined): { minPixels: number; maxPixels: number } {
  if (!settings) return PUBLISHED_LIMITS
  const size = settings.values.size ?? undefined
  const known = ["shortest_edge", "longest_edge", "min_pixels", "max_pixels"]
  const isObject = typeof size === "object" && !Array.isArray(size)
  if (size !== undefined && !(isObject && Object.keys(size as Json).every((key) => known.includes(key))))
    throw badSetting(settings, "size", `is ${shown(size)}, not { shortest_edge, longest_edge } (areas in pixels)`)
  const limit = (top: string, edge: string, otherwise: number): number => {
    const candidates: [string, unknown][] = [[top, settings.values[top]]]
    for (const key of [edge, top]) candidates.push([`size.${key}`, (size as Json | undefined)?.[key]])
    const [key, value] = candidates.find(([, value]) => value != null) ?? [
      "",
      size === undefined ? otherwise : undefined,
    ]
    if (value === undefined) throw badSetting(settings, "size", `has no ${edge}`)
    if (!Number.isSafeInteger(value) || (value as number) <= 0)
      throw badSetting(settings, key, `is ${shown(value)}, not a positive whole number`)
    return value as number
  }
  const minPixels = limit("min_pixels", "shortest_edge", DEFAULT_LIMITS.minPixels)
  const maxPixels = limit("max_pixels", "longest_edge", DEFAULT_LIMITS.maxPixels)
  if (minPixels > maxPixels)
    throw badSetting(settings, "min_pixels", `(or size.shortest_edge) ${minPixels} exceeds the maximum, ${maxPixels}`)
  return { minPixels, maxPixels }
}
