/** Limits of a picture's area, as the settings of Qwen2-VL's image processor say them. */
import { badSetting, type ImageSettings } from "../../checkpoint/image-settings.js"
import type { Json } from "../../checkpoint/json.js"
import { shown } from "../../readable.js"

/** What all uploads of Qwen2.5-VL say: for a folder without settings, which transformers does not load. */
const PUBLISHED_LIMITS = { minPixels: 56 * 56, maxPixels: 28 * 28 * 16384 }

/** Qwen2VLImageProcessor's own limits: what holds for a file that says nothing. */
const DEFAULT_LIMITS = { minPixels: 56 * 56, maxPixels: 28 * 28 * 1280 }

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
