/** How the pictures of a model are prepared: its image-processor settings, checked against its configuration. */

import { findImageSettings, type ImageSettings } from "../../checkpoint/image-settings.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { pixelSettings, settingsReader } from "./pixel-settings.js"
import { QWEN_MEAN, QWEN_STD, type QwenImageOptions } from "./qwen.js"

/** Names under which Qwen2-VL's image processor was saved. */
const PROCESSORS = /^Qwen2(_5_|\.5)?_?VLImageProcessor(Fast|Pil)?$/

/** What a model with this tower says of its pictures. */
export interface QwenImageModel {
  image: { minPixels: number; maxPixels: number }
  vision: { patchSize: number; mergeSize: number; temporalPatchSize: number }
  text: { maxPositions: number }
}

/**
 * The options for `qwenImage` of a model folder, if it is in one. Pixel limits are those of the configuration unless given here.
 * @throws UserError naming file and key for a setting that cannot be right or is not supported
 */
export function imageOptionsOf(
  folder: string | undefined,
  config: QwenImageModel,
  limits: { minPixels?: number; maxPixels?: number } = {},
): QwenImageOptions {
  const { vision, text } = config
  const { minPixels, maxPixels } = {
    minPixels: limits.minPixels ?? config.image.minPixels,
    maxPixels: limits.maxPixels ?? config.image.maxPixels,
  }
  if (minPixels > maxPixels)
    throw new UserError(`min_pixels ${minPixels} exceeds max_pixels ${maxPixels}`, {
      fix: "set both so that they fit together",
    })
  const tokens = Math.floor(minPixels / (vision.patchSize * vision.mergeSize) ** 2)
  if (tokens > text.maxPositions)
    throw new UserError(
      `min_pixels ${minPixels} makes every picture ${tokens} tokens, more than the model's ${text.maxPositions} positions`,
      { where: folder, fix: "set a smaller min_pixels" },
    )
  const { patchSize, mergeSize, temporalPatchSize } = vision
  const sizes = { minPixels, maxPixels, patchSize, mergeSize, temporalPatchSize }
  const settings = folder === undefined ? undefined : findImageSettings(folder)
  return settings ? { ...sizes, ...checked(settings, vision) } : sizes
}

/** What the settings say beyond pixel limits; anything they do not say has Qwen2VLImageProcessor's value. */
function checked(
  settings: ImageSettings,
  vision: QwenImageModel["vision"],
): Omit<QwenImageOptions, "minPixels" | "maxPixels"> {
  const { values, refuse, flag } = settingsReader(settings)
  const agreeing = (key: string, otherwise: number, ofModel: number, name: string): number => {
    const value = values[key] ?? otherwise
    if (value === ofModel) return ofModel
    return refuse(key, `is ${shown(value)}, but the model's vision_config.${name} is ${ofModel}`)
  }
  const name = values.image_processor_type
  if (typeof name === "string" && !PROCESSORS.test(name) && !values.auto_map)
    refuse("image_processor_type", `is ${shown(name)}, not Qwen2VLImageProcessor: such preparation is not supported`)
  if (!flag("do_resize"))
    refuse("do_resize", "is false: pictures that are not resized are not supported", "set it to true")
  const pixels = pixelSettings(settings, { kernel: "bicubic", mean: QWEN_MEAN, std: QWEN_STD })
  return {
    patchSize: agreeing("patch_size", 14, vision.patchSize, "patch_size"),
    mergeSize: agreeing("merge_size", 2, vision.mergeSize, "spatial_merge_size"),
    temporalPatchSize: agreeing("temporal_patch_size", 2, vision.temporalPatchSize, "temporal_patch_size"),
    ...pixels,
  }
}
