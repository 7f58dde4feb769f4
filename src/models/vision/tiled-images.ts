/** Pictures of models with towers of square tiles: what prepares them, as models ask for it. */

import { UserError } from "../../errors.js"
import type { PictureProcessor } from "../../image/processors/pieces.js"
import type { TileArrangement } from "../../image/processors/tile-arrangement.js"
import type { ModelTile } from "../../image/processors/tile-settings.js"
import type { ImageTiles } from "../../image/processors/tiles.js"
import type { ImageProcessor, PictureOptions } from "../architecture.js"
import { rowsOfTile, type TiledImage, type TiledVisionConfig } from "./tiled-vision.js"

/** A model's tiles, as image processors make and count them. */
export const tileOf = (vision: TiledVisionConfig): ModelTile => ({
  imageSize: vision.tower.tileSize,
  tokens: rowsOfTile(vision).count,
})

/** @throws UserError for a model that is in no folder */
export function requireSettings(folder: string | undefined): string {
  if (folder !== undefined) return folder
  throw new UserError("the model is in no folder: nothing says how its pictures are prepared", {
    fix: "load it from a folder with preprocessor_config.json",
  })
}

/**
 * @param processor what prepares them; a function of whether only the small copy of the whole is wanted, for families that have one
 * @param arrangementOf how the tiles of a picture lie; absent for tile after tile
 */
export function tiledImages<P extends ImageTiles>(
  processor: PictureProcessor<P> | ((wholeOnly: boolean) => PictureProcessor<P>),
  arrangementOf?: (prepared: P) => TileArrangement,
): ImageProcessor {
  const choose = ({ wholeOnly = false }: PictureOptions): PictureProcessor<P> =>
    typeof processor === "function" ? processor(wholeOnly) : processor
  return {
    follows: typeof processor === "function" ? ["wholeOnly"] : [],
    pieces: (size, options = {}) => choose(options).pieces(size, options.among),
    async prepare(image, options = {}): Promise<TiledImage> {
      const chosen = choose(options)
      const prepared = await chosen.prepare(image, options.among)
      const { pixelValues } = prepared
      return {
        pieces: chosen.pieces(image, options.among),
        pixelValues,
        ...(arrangementOf && { arrangement: arrangementOf(prepared) }),
      }
    },
  }
}
