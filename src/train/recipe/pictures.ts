/** What a recipe says of pictures, held against what the model's processor follows. */

import { UserError } from "../../errors.js"
import type { ImageProcessor, PictureOptions, PictureSetting } from "../../models/architecture.js"
import type { TrainingConfig } from "./config.js"

type PictureKeys = Pick<TrainingConfig["data"], "image_aspect" | "min_pixels" | "max_pixels"> &
  Partial<Pick<TrainingConfig["data"], "image_tiles">>

/**
 * @param processor of the model; where it is absent, or does not say what it follows, nothing is refused
 * @throws UserError for a setting that the model's pictures would not follow
 */
export function pictureOptions(data: PictureKeys, processor: ImageProcessor | undefined): PictureOptions {
  const { image_aspect: aspect, image_tiles: tiles } = data
  const given: [key: string, setting: PictureSetting, isGiven: boolean][] = [
    ["image_aspect", "pad", aspect !== undefined],
    ["image_tiles", "wholeOnly", tiles === "whole"],
    ["min_pixels", "limits", data.min_pixels !== undefined],
    ["max_pixels", "limits", data.max_pixels !== undefined],
  ]
  for (const [key, setting, isGiven] of given)
    if (isGiven && processor?.follows && !processor.follows.includes(setting))
      throw new UserError(`the model's pictures cannot follow ${key}: its own files say how they are prepared`, {
        where: `data.${key}`,
        fix: `leave data.${key} out`,
      })
  return { pad: aspect !== "native", wholeOnly: tiles === "whole" }
}

/** What makes the model's pictures take fewer tokens, for advice; undefined where nothing does. */
export function smallerPictures({ follows = [] }: ImageProcessor): string | undefined {
  if (follows.includes("limits")) return "lower data.max_pixels"
  return follows.includes("wholeOnly") ? "set data.image_tiles to whole" : undefined
}
