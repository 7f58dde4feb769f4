/** Tower, connector and merging as one: pictures in tiles → rows of the sequence. Knows no language model. */

import { finish, type Work } from "../in-turns.js"
import { cat, type DType, type Tensor, tensor } from "../torch/index.js"
import { mergedTokens, type TiledShape, type TileMerge } from "./connectors/anyres.js"
import { buildConnector } from "./connectors/build.js"
import { type Connector, type ConnectorKind, connected } from "./connectors/connector.js"
import { mergeTiles } from "./connectors/merge-tiles.js"
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

/** A prepared picture for towers of square tiles. */
export interface TiledImage extends ImageInput, TiledShape {
  /** [T, 3, S, S] */
  pixelValues: Float32Array
}

/**
 * What the connector gives for one tile.
 * @throws UserError when tower, selection and connector do not fit together
 */
export function rowsOfTile({ tower, selection, connector, hiddenSize }: TiledVisionConfig): TileFeatures {
  hiddenStatesOf(tower, selection)
  return connected(connector, featuresOf(tower, selection), hiddenSize)
}

/** Rows of the sequence that a picture takes, before it is prepared. */
export const rowsOfPicture = (config: TiledVisionConfig, shape: TiledShape): number =>
  mergedTokens(shape, config.merge, rowsOfTile(config))

export class TiledVision {
  readonly tower: TileTower
  readonly connector: Connector
  readonly #config: TiledVisionConfig
  readonly #rows: TileFeatures
  readonly #newline: Tensor | null

  /** @param weights of the whole model: names are those of `VISION_WEIGHTS` */
  constructor(config: TiledVisionConfig, weights: WeightSource, dtype: DType) {
    const { tower, selection, connector, merge, hiddenSize } = config
    this.#config = config
    this.#rows = rowsOfTile(config)
    this.tower = buildTower(tower, selection, weights.at(VISION_WEIGHTS.tower), dtype)
    const features = featuresOf(tower, selection)
    this.connector = buildConnector(connector, features, hiddenSize, weights.at(VISION_WEIGHTS.connector))
    const hasNewline = merge.type === "spatial" && merge.newline
    this.#newline = hasNewline ? weights.take(VISION_WEIGHTS.newline, [hiddenSize]) : null
  }

  get checkpointLayers(): boolean {
    return this.tower.checkpointLayers
  }
  set checkpointLayers(on: boolean) {
    this.tower.checkpointLayers = on
  }

  /** `forwardInPieces` at once. */
  forward(images: readonly TiledImage[]): Tensor[] {
    return finish(this.forwardInPieces(images))
  }

  /** Rows of each picture, [tokens, H]; the tiles of all of them are computed as one batch. */
  *forwardInPieces(images: readonly TiledImage[]): Work<Tensor[]> {
    if (images.length === 0) return []
    const { tileSize } = this.#config.tower
    const pixels = cat(images.map(({ pixelValues, tiles }) => tensor(pixelValues, [tiles, 3, tileSize, tileSize])))
    return this.merge(this.connector.forward(yield* this.tower.forwardInPieces(pixels)), images)
  }

  /** Rows of tiles [T, P, H], those of all pictures behind one another → rows of each picture. */
  merge(rows: Tensor, images: readonly TiledShape[]): Tensor[] {
    const { merge } = this.#config
    return rows
      .split(images.map(({ tiles }) => tiles))
      .map((tiles, i) => mergeTiles(tiles, images[i], merge, this.#rows.grid, this.#newline))
  }
}
