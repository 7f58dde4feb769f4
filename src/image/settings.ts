/** How the pictures of a model are prepared: its image-processor settings, checked against its configuration. */

import { badSetting, findImageSettings, type ImageSettings, RESTORE } from "../checkpoint/image-settings.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { normalisation, QWEN_MEAN, QWEN_STD, type QwenImageOptions } from "./qwen.js"
import type { ResizeKernel } from "./resize.js"

/** Pillow's numbers for its filters. 0 is "nearest", which interpolates nothing and is not offered. */
const RESAMPLE: Record<number, ResizeKernel> = { 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming" }

/** Names under which Qwen2-VL's image processor was saved. */
const PROCESSORS = /^Qwen2(_5_|\.5)?_?VLImageProcessor(Fast|Pil)?$/

/**
 * Values of a prepared picture at most, and between black and white at least. Models see about -2 to 2; bytes that are
 * not rescaled stay below 1000. Beyond them squares overflow, or all pictures look alike, and nothing tells.
 */
const [MOST, LEAST] = [1e4, 1e-3]

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
  const { values } = settings
  const refuse = (key: string, what: string, fix?: string): never => {
    throw badSetting(settings, key, what, fix)
  }
  const flag = (key: string): boolean => {
    const value = values[key] ?? true
    return typeof value === "boolean" ? value : refuse(key, `is ${shown(value)}, not true or false`)
  }
  const agreeing = (key: string, otherwise: number, ofModel: number, name: string): number => {
    const value = values[key] ?? otherwise
    if (value === ofModel) return ofModel
    return refuse(key, `is ${shown(value)}, but the model's vision_config.${name} is ${ofModel}`)
  }
  const perChannel = (key: string, otherwise: readonly number[]): readonly number[] => {
    const value = values[key] ?? otherwise
    const numbers = typeof value === "number" ? [value, value, value] : value
    const isRight = Array.isArray(numbers) && numbers.length === 3 && numbers.every((entry) => Number.isFinite(entry))
    return isRight ? numbers : refuse(key, `is ${shown(value)}, not a number or three numbers`)
  }

  const name = values.image_processor_type
  if (typeof name === "string" && !PROCESSORS.test(name) && !values.auto_map)
    refuse("image_processor_type", `is ${shown(name)}, not Qwen2VLImageProcessor: such preparation is not supported`)
  if (!flag("do_resize"))
    refuse("do_resize", "is false: pictures that are not resized are not supported", "set it to true")
  const resample = values.resample ?? 3
  const kernel =
    RESAMPLE[resample as number] ?? refuse("resample", `is ${shown(resample)}: no supported filter (1 … 5)`)

  const rescaleFactor = flag("do_rescale") ? (values.rescale_factor ?? 1 / 255) : 1
  if (typeof rescaleFactor !== "number" || !Number.isFinite(rescaleFactor) || rescaleFactor <= 0)
    return refuse("rescale_factor", `is ${shown(rescaleFactor)}, not a number above 0`)
  const normalises = flag("do_normalize")
  const mean = normalises ? perChannel("image_mean", QWEN_MEAN) : [0, 0, 0]
  const std = normalises ? perChannel("image_std", QWEN_STD) : [1, 1, 1]
  if (std.some((value) => value <= 0)) refuse("image_std", `is ${shown(values.image_std)}: it must be above 0`)
  for (const c of [0, 1, 2]) {
    const values = normalisation(mean[c], std[c], rescaleFactor)
    const [black, white] = [values[0], values[255]]
    const isPicture = Math.abs(black) <= MOST && Math.abs(white) <= MOST && white - black >= LEAST
    if (!isPicture)
      throw new UserError(
        `image_mean, image_std and rescale_factor make black ${black.toPrecision(3)} and white ${white.toPrecision(3)}: no model sees pictures so`,
        { where: settings.file, fix: RESTORE },
      )
  }
  return {
    patchSize: agreeing("patch_size", 14, vision.patchSize, "patch_size"),
    mergeSize: agreeing("merge_size", 2, vision.mergeSize, "spatial_merge_size"),
    temporalPatchSize: agreeing("temporal_patch_size", 2, vision.temporalPatchSize, "temporal_patch_size"),
    kernel,
    rescaleFactor,
    mean,
    std,
  }
}
