/** Settings of the image processor of a new vision-language model: those of its tower, in the words of the layout. */

import { findImageSettings, RESTORE } from "../../checkpoint/image-settings.js"
import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { anyresMax } from "../../image/processors/anyres.js"
import { resampleOf } from "../../image/processors/pixel-settings.js"
import { pinpointsFor, singleTileSettings } from "../../image/processors/tile-settings.js"
import type { TowerConfig } from "../towers/tower.js"
import { rowsOfTile, type TiledVisionConfig } from "../vision/tiled-vision.js"

/**
 * preprocessor_config.json and processor_config.json.
 * @param folder of the tower
 * @throws UserError when it does not say how pictures are prepared, or prepares other ones than the tower takes
 */
export function pictureFiles(
  folder: string,
  vision: TiledVisionConfig,
  token: string,
): { preprocessor: Json; processor: Json } {
  const settings = findImageSettings(folder)
  if (!settings)
    throw new UserError("the tower's folder has no preprocessor_config.json: nothing says how pictures are prepared", {
      where: folder,
      fix: RESTORE,
    })
  const { tower, selection, merge } = vision
  const { tileSize: side } = tower
  const { pixels } = singleTileSettings(folder, { imageSize: side })
  const patch = patchOf(tower)
  if (merge.type === "flat")
    return {
      preprocessor: settings.values,
      processor: {
        processor_class: "LlavaProcessor",
        image_token: token,
        ...(patch !== undefined && { patch_size: patch }),
        num_additional_image_tokens: tower.classTokens > 0 ? 1 : 0,
        vision_feature_select_strategy: selection.skipFirst ? "default" : "full",
      },
    }
  return {
    preprocessor: {
      image_processor_type: "LlavaOnevisionImageProcessor",
      do_convert_rgb: true,
      do_resize: true,
      size: { height: side, width: side },
      resample: resampleOf(pixels.kernel),
      do_rescale: pixels.rescaleFactor !== 1,
      rescale_factor: pixels.rescaleFactor,
      do_normalize: true,
      image_mean: pixels.mean,
      image_std: pixels.std,
      do_pad: true,
      image_grid_pinpoints: pinpointsFor(side),
    },
    processor: {
      processor_class: "LlavaOnevisionProcessor",
      image_token: token,
      num_image_tokens: rowsOfTile(vision).count,
      vision_feature_select_strategy: "full",
      vision_aspect_ratio: anyresMax(merge.maxTiles!),
    },
  }
}

/** Pixels per side of a patch, by which transformers counts them; undefined for a tower of other patches. */
function patchOf({ tileSize, grid: [rows, columns] }: TowerConfig): number | undefined {
  const patch = Math.floor(tileSize / rows)
  return rows === columns && Math.floor(tileSize / patch) === rows ? patch : undefined
}
