/** Pictures of models with towers of square tiles: what prepares them, as models ask for it. */

import { UserError } from "../errors.js"
import type { PictureProcessor } from "../image/pieces.js"
import type { ImageTiles } from "../image/tiles.js"
import type { ImageProcessor } from "./architecture.js"
import type { TileArrangement } from "./connectors/merge-tiles.js"
import type { TiledImage } from "./tiled-vision.js"
import type { TowerConfig } from "./towers/tower.js"

/** A tower's tiles, as the settings of image processors are held against them. */
export const tilesOf = ({ tileSize, grid }: TowerConfig): { imageSize: number; patchSize: number } => ({
  imageSize: tileSize,
  patchSize: Math.floor(tileSize / grid[0]),
})

/** @throws UserError for a model that is in no folder */
export function requireSettings(folder: string | undefined): string {
  if (folder !== undefined) return folder
  throw new UserError("the model is in no folder: nothing says how its pictures are prepared", {
    fix: "load it from a folder with preprocessor_config.json",
  })
}

/** @param arrangementOf how the tiles of a picture lie; absent for tile after tile */
export const tiledImages = <P extends ImageTiles>(
  processor: PictureProcessor<P>,
  arrangementOf?: (prepared: P) => TileArrangement,
): ImageProcessor => ({
  pieces: (size, { among } = {}) => processor.pieces(size, among),
  async prepare(image, { among } = {}): Promise<TiledImage> {
    const prepared = await processor.prepare(image, among)
    const { pixelValues } = prepared
    return {
      pieces: processor.pieces(image, among),
      pixelValues,
      ...(arrangementOf && { arrangement: arrangementOf(prepared) }),
    }
  },
})
