/** What image-processor settings of every kind say of pixels: filter, rescaling, normalisation. */

import { badSetting, type ImageSettings, RESTORE } from "../../checkpoint/image-settings.js"
import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { normalisations, type PixelOptions } from "../pixels.js"
import type { ResizeKernel } from "../resize.js"

/** Pillow's numbers for its filters. 0 is "nearest", which interpolates nothing and is not offered. */
const RESAMPLE: Record<number, ResizeKernel> = { 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming" }

/** Pillow's number for a filter. */
export const resampleOf = (kernel: ResizeKernel): number =>
  Number(Object.keys(RESAMPLE).find((number) => RESAMPLE[Number(number)] === kernel))

/**
 * Values of a prepared picture at most, and between black and white at least. Models see about -2 to 2; bytes that are
 * not rescaled stay below 1000. Beyond them squares overflow, or all pictures look alike, and nothing tells.
 */
const [MOST, LEAST] = [1e4, 1e-3]

export interface SettingsReader {
  values: Json
  /** @throws UserError naming file and key */
  refuse(key: string, what: string, fix?: string): never
  /** True or false. @param otherwise where the key is absent or null; true by default */
  flag(key: string, otherwise?: boolean): boolean
  /** Red, green and blue; one number is all three. */
  perChannel(key: string, otherwise: readonly number[]): readonly number[]
}

/** Reads what a processor's file says, each key with its check. */
export function settingsReader(settings: ImageSettings): SettingsReader {
  const { values } = settings
  const refuse = (key: string, what: string, fix?: string): never => {
    throw badSetting(settings, key, what, fix)
  }
  return {
    values,
    refuse,
    flag(key, otherwise = true) {
      const value = values[key] ?? otherwise
      return typeof value === "boolean" ? value : refuse(key, `is ${shown(value)}, not true or false`)
    },
    perChannel(key, otherwise) {
      const value = values[key] ?? otherwise
      const numbers = typeof value === "number" ? [value, value, value] : value
      const isRight = Array.isArray(numbers) && numbers.length === 3 && numbers.every((entry) => Number.isFinite(entry))
      return isRight ? numbers : refuse(key, `is ${shown(value)}, not a number or three numbers`)
    },
  }
}

/**
 * @param otherwise the processor's own, for what the file does not say
 * @throws UserError naming file and key for a value that cannot be right
 */
export function pixelSettings(
  settings: ImageSettings,
  otherwise: Pick<PixelOptions, "kernel" | "mean" | "std">,
): Omit<PixelOptions, "pillow"> {
  const { values, refuse, flag, perChannel } = settingsReader(settings)
  const { resample } = values
  const kernel =
    resample == null
      ? otherwise.kernel
      : (RESAMPLE[resample as number] ?? refuse("resample", `is ${shown(resample)}: no supported filter (1 … 5)`))
  const rescaleFactor = flag("do_rescale") ? (values.rescale_factor ?? 1 / 255) : 1
  if (typeof rescaleFactor !== "number" || !Number.isFinite(rescaleFactor) || rescaleFactor <= 0)
    return refuse("rescale_factor", `is ${shown(rescaleFactor)}, not a number above 0`)
  const normalises = flag("do_normalize")
  const mean = normalises ? perChannel("image_mean", otherwise.mean) : [0, 0, 0]
  const std = normalises ? perChannel("image_std", otherwise.std) : [1, 1, 1]
  if (std.some((value) => value <= 0)) refuse("image_std", `is ${shown(values.image_std)}: it must be above 0`)
  for (const table of normalisations({ mean, std, rescaleFactor })) {
    const [black, white] = [table[0], table[255]]
    const isPicture = Math.abs(black) <= MOST && Math.abs(white) <= MOST && white - black >= LEAST
    if (!isPicture)
      throw new UserError(
        `image_mean, image_std and rescale_factor make black ${black.toPrecision(3)} and white ${white.toPrecision(3)}: no model sees pictures so`,
        { where: settings.file, fix: RESTORE },
      )
  }
  return { kernel, rescaleFactor, mean, std }
}
