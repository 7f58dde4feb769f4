/** Pictures of the Qwen-VL families: resized to whole merge cells, with positions on three axes. */

import { prepareImage, qwenGrid } from "../../image/processors/qwen.js"
import { imageOptionsOf, type QwenImageModel } from "../../image/processors/settings.js"
import type { PillowRelease } from "../../image/resize.js"
import { imageTokens } from "../../image/size.js"
import type { ImageProcessor, PixelLimits } from "../architecture.js"
import { mropePositions } from "../decoder/mrope-positions.js"
import type { QwenImageInput } from "./qwen2_5-vision.js"

/**
 * @param folder of the model, where its image settings are
 * @param pillow the release that resizes in the order of passes that the family is used with
 */
export function qwenPictures(
  config: QwenImageModel,
  folder: string | undefined,
  limits: Partial<PixelLimits>,
  pillow: PillowRelease,
): ImageProcessor {
  const options = { ...imageOptionsOf(folder, config, limits), pillow }
  const { mergeSize } = config.vision
  return {
    follows: ["limits", "pad"],
    pieces({ width, height }, { pad = false } = {}) {
      const tokens = imageTokens({ width, height }, pad ? "pad" : "native", options)
      if (!pad) qwenGrid(width, height, options)
      return [tokens]
    },
    prepare: (image, { pad } = {}) => prepareImage(image, options, pad),
    positions: (ids, images) =>
      mropePositions(
        ids,
        images.map((image) => (image as QwenImageInput).grid),
        mergeSize,
      ),
  }
}
