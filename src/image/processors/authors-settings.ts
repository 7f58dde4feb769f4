/** How DVL-Qwen, LLaVA-Qwen and the LLaDA models prepare pictures: keys of config.json, and what the authors' code fixes. */

import { badSetting, findImageSettings } from "../../checkpoint/image-settings.js"
import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { HALF, type PixelOptions } from "../pixels.js"
import { type AnyresSettings, maxTilesOf } from "./anyres.js"
import { type ModelTile, pinpointsOf, singleTileSettings, type TileSize } from "./tile-settings.js"

/** Whatever the tower's own files say. */
export const AUTHORS_PIXELS: PixelOptions = {
  kernel: "bicubic",
  pillow: 12,
  rescaleFactor: 1 / 255,
  mean: HALF,
  std: HALF,
}

/**
 * The authors' code does not look at a preprocessor_config.json; one that says otherwise is not of the model.
 * @throws UserError naming file and key
 */
export function requireAuthorsPixels(folder: string, tower: TileSize): void {
  const found = findImageSettings(folder)
  if (!found || !/^Siglip/.test(String(found.values.image_processor_type ?? found.values.feature_extractor_type)))
    return
  const { pixels } = singleTileSettings(folder, tower)
  const { kernel, mean, std, rescaleFactor } = AUTHORS_PIXELS
  const rules: [key: string, holds: boolean, wanted: string][] = [
    ["resample", pixels.kernel === kernel, kernel],
    ["image_mean", String(pixels.mean) === String(mean), `[${mean}]`],
    ["image_std", String(pixels.std) === String(std), `[${std}]`],
    ["rescale_factor", pixels.rescaleFactor === rescaleFactor, "1/255"],
  ]
  for (const [key, holds, wanted] of rules)
    if (!holds) throw badSetting(found, key, `is not ${wanted}, with which the model was trained`)
}

/** "(1x1),...,(6x6)": all pairs from the first to the last, in tiles. */
const RANGE = /^\((\d{1,3})x(\d{1,3})\).*\((\d{1,3})x(\d{1,3})\)$/

/**
 * @param values of config.json
 * @param where the file, for errors
 * @throws UserError naming the key that cannot be right, or says something that is not supported
 */
export function authorsSettings(
  { image_aspect_ratio: aspect, image_grid_pinpoints: pinpoints, mm_patch_merge_type: merge }: Json,
  { imageSize: side, tokens: tokensPerTile }: ModelTile,
  where?: string,
): AnyresSettings {
  const refuse = (key: string, what: string): never => {
    throw new UserError(`${key} ${what}`, { where, fix: "restore the file that came with the model" })
  }
  const known = merge ?? "flat"
  if (known !== "flat" && known !== "spatial_unpad")
    return refuse("mm_patch_merge_type", `is ${shown(merge)}, not "flat" or "spatial_unpad"`)
  const shared = { side, tokensPerTile, merge: known } as const
  if (aspect == null || aspect === "square") return { ...shared, aspect: "square", candidates: [] }
  if (aspect === "pad") return { ...shared, aspect: "pad", candidates: [] }
  const maxTiles = maxTilesOf(aspect)
  if (aspect !== "anyres" && maxTiles === undefined)
    return refuse("image_aspect_ratio", `is ${shown(aspect)}, not "square", "pad" or "anyres_max_" and a number`)
  const candidates = pinpointsOf(inPixels(pinpoints, side), side, "width first", (what) =>
    refuse("image_grid_pinpoints", what),
  )
  return { ...shared, aspect: "anyres", candidates, ...(maxTiles !== undefined && { maxTiles }) }
}

/** A range in words as the pairs it stands for; anything else as it is. */
function inPixels(pinpoints: unknown, side: number): unknown {
  const range = typeof pinpoints === "string" ? RANGE.exec(pinpoints.replaceAll(" ", "")) : undefined
  if (!range) return pinpoints
  const [firstWidth, firstHeight, lastWidth, lastHeight] = range.slice(1).map(Number)
  const pairs: [number, number][] = []
  for (let width = firstWidth; width <= lastWidth; width++)
    for (let height = firstHeight; height <= lastHeight; height++) pairs.push([width * side, height * side])
  return pairs
}
