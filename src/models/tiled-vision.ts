/** Tower, connector and merging as one: pictures in tiles → rows of the sequence. Knows no language model. */

import { finish, type Work } from "../in-turns.js"
import { cat, type DType, type Tensor, tensor } from "../torch/index.js"
import { buildConnector } from "./connectors/build.js"
import { type Connector, type ConnectorKind, connected } from "./connectors/connector.js"
import { mergeTiles, type TileArrangement } from "./connectors/merge-tiles.js"
import { featuresOf, hiddenStatesOf, type TileFeatures } from "./towers/features.js"
import { buildTower } from "./towers/registry.js"
import type { FeatureSelection, TileTower, TowerConfig } from "./towers/tower.js"
import type { ImageInput } from "./types.js"
import { VISION_WEIGHTS } from "./vision-weights.js"
import type { WeightSource } from "./weight-source.js"

export interface TiledVisionConfig {
  tower: TowerConfig
  selection: FeatureSelection
  connector: ConnectorKind
  merge: TileMerge
  /** H, width of the language model. */
  hiddenSize: number
}

/** What becomes of a picture's tiles, as config.json says it. */
export interface TileMerge {
  /** flat: tile after tile. spatial_unpad: one map without padding, each row ending with a newline. */
  type: "flat" | "spatial_unpad"
  /** anyres_max_N: a map of clearly more features than N tiles have is shrunk to about as many. @default never */
  maxTiles?: number
  /** Decimals that sizes of the unpadded map are rounded to before they are cut: transformers' 7, the authors' none. */
  decimals?: number
}

/** A prepared picture for towers of square tiles. */
export interface TiledImage extends ImageInput {
  /** [T, 3, S, S] */
  pixelValues: Float32Array
  /** How the tiles lie. @default tile after tile */
  arrangement?: TileArrangement
}

/**
 * What the connector gives for one tile.
 * @throws UserError when tower, selection and connector do not fit together
 */
export function rowsOfTile({
  tower,
  selection,
  connector,
  hiddenSize,
}: Omit<TiledVisionConfig, "merge">): TileFeatures {
  hiddenStatesOf(tower, selection)
  return connected(connector, featuresOf(tower, selection), hiddenSize)
}

export class TiledVision {
  readonly tower: TileTower
  readonly connector: Connector
  readonly #tileSize: number
  readonly #rows: TileFeatures
  readonly #newline: Tensor | null

  /** @param weights of the whole model: names are those of `VISION_WEIGHTS` */
  constructor(config: TiledVisionConfig, weights: WeightSource, dtype: DType) {
    const { tower, selection, connector, merge, hiddenSize } = config
    this.#tileSize = tower.tileSize
    this.#rows = rowsOfTile(config)
    this.tower = buildTower(tower, selection, weights.at(VISION_WEIGHTS.tower), dtype)
    const features = featuresOf(tower, selection)
    this.connector = buildConnector(connector, features, hiddenSize, weights.at(VISION_WEIGHTS.connector))
    this.#newline = merge.type === "flat" ? null : weights.take(VISION_WEIGHTS.newline, [hiddenSize])
  }

  get checkpointLayers(): boolean {
    return this.tower.checkpointLayers
  }
  set checkpointLayers(on: boolean) {
    this.tower.checkpointLayers = on
  }

  /** `forwardInPieces` at once. */
  forward(images: readonly ImageInput[]): Tensor[] {
    return finish(this.forwardInPieces(images))
  }

  /** Rows of each picture, [tokens, H]; the tiles of all of them are computed as one batch. */
  *forwardInPieces(pictures: readonly ImageInput[]): Work<Tensor[]> {
    const images = pictures as readonly TiledImage[]
    if (images.length === 0) return []
    const side = this.#tileSize
    const tiles = images.map(({ pixelValues }) => pixelValues.length / (3 * side * side))
    const pixels = cat(images.map(({ pixelValues }, i) => tensor(pixelValues, [tiles[i], 3, side, side])))
    const rows = this.connector.forward(yield* this.tower.forwardInPieces(pixels))
    return this.merge(rows.split(tiles), images)
  }

  /** Rows of each picture's tiles [T, P, H] → rows of the picture; apart, for features that were computed before. */
  merge(rows: readonly Tensor[], images: readonly Pick<TiledImage, "arrangement">[]): Tensor[] {
    return rows.map((tiles, i) =>
      mergeTiles(tiles, images[i].arrangement ?? { newline: false }, this.#rows.grid, this.#newline),
    )
  }
}
