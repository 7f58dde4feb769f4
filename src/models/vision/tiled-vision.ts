/** Tower, connector and merging as one: pictures in tiles → rows of the sequence. Knows no language model. */

import { UserError } from "../../errors.js"
import type { TileArrangement } from "../../image/processors/tile-arrangement.js"
import { finish, type Work } from "../../in-turns.js"
import { cat, type Device, type DType, type Tensor, tensor } from "../../torch/index.js"
import type { Connector, ConnectorConfig } from "../connectors/connector.js"
import { mergeTiles } from "../connectors/merge-tiles.js"
import { buildConnector, connected } from "../connectors/registry.js"
import { featuresOf, hiddenStatesOf, type TileFeatures } from "../towers/features.js"
import { buildTower, towerFamilyOf } from "../towers/registry.js"
import type { FeatureSelection, TileTower, TowerConfig } from "../towers/tower.js"
import type { ImageInput } from "../types.js"
import type { WeightSource } from "../weight-source.js"
import type { FeatureSource, FeatureStore } from "./feature-store.js"
import { VISION_WEIGHTS } from "./vision-weights.js"

export interface TiledVisionConfig {
  tower: TowerConfig
  selection: FeatureSelection
  connector: ConnectorConfig
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
}

/** A prepared picture for towers of square tiles. */
export interface TiledImage extends ImageInput {
  /** [T, 3, S, S] */
  pixelValues: Float32Array
  /** How the tiles lie. @default tile after tile */
  arrangement?: TileArrangement
}

/**
 * What the connector gives for one tile: all that counts tokens asks here.
 * @param place the file, and the key there that says which features are left out, for errors
 * @throws UserError when tower, selection, connector and merging do not fit together
 */
export function rowsOfTile(
  { tower, selection, connector, merge, hiddenSize }: TiledVisionConfig,
  { select = "the selection", where }: { select?: string; where?: string } = {},
): TileFeatures {
  hiddenStatesOf(tower, selection)
  const rows = connected(connector, featuresOf(tower, selection), hiddenSize, where)
  if (merge.type === "flat" || (rows.grid && rows.grid[0] === rows.grid[1])) return rows
  const what = rows.grid ? rows.grid.join(" × ") : `${rows.count}`
  throw new UserError(`tiles cannot be merged into one map: the ${what} features of each form no square`, {
    where,
    fix: `have ${select} leave out the class token of a tower that has one, and nothing else, or merge no tiles`,
  })
}

export class TiledVision implements FeatureSource {
  readonly tower: TileTower
  readonly connector: Connector
  /** Of the tower. */
  readonly weights: ReadonlyMap<string, Tensor>
  features?: FeatureStore
  readonly #config: TiledVisionConfig
  readonly #tileSize: number
  /** Of a tile: what the tower gives, and what the connector makes of it. */
  readonly #given: TileFeatures
  readonly #rows: TileFeatures
  readonly #newline: Tensor | null

  /** @param weights of the whole model: names are those of `VISION_WEIGHTS` */
  constructor(config: TiledVisionConfig, weights: WeightSource, dtype: DType) {
    const { tower, selection, connector, merge, hiddenSize } = config
    this.#tileSize = tower.tileSize
    this.#config = config
    this.#given = featuresOf(tower, selection)
    this.#rows = rowsOfTile(config)
    this.tower = buildTower(tower, selection, weights.at(VISION_WEIGHTS.tower), dtype)
    const prefix = `${VISION_WEIGHTS.tower}.`
    this.weights = new Map([...weights.taken].filter(([name]) => name.startsWith(prefix)))
    this.connector = buildConnector(connector, this.#given, hiddenSize, weights.at(VISION_WEIGHTS.connector))
    this.#newline = merge.type === "flat" ? null : weights.take(VISION_WEIGHTS.newline, [hiddenSize])
  }

  get featureSource(): FeatureSource {
    return this
  }

  get described(): unknown {
    const { tower, selection } = this.#config
    const device = this.#device.replace(/:\d+$/, "")
    return { tower: towerFamilyOf(tower).write(tower), family: tower.family, selection, device }
  }

  get #device(): Device {
    const [first] = this.weights.values()
    return first?.device ?? "cpu"
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

  /**
   * Rows of each picture, [tokens, H]. The tiles of all of them are one batch for a tower that learns, or on a device that needs
   * large ones; else each picture is computed by itself, so that to the last bit it does not depend on those beside it.
   */
  *forwardInPieces(pictures: readonly ImageInput[]): Work<Tensor[]> {
    const images = pictures as readonly TiledImage[]
    if (images.length === 0) return []
    const side = this.#tileSize
    const tiles = images.map(({ pixelValues }) => pixelValues.length / (3 * side * side))
    const isAlone = this.features !== undefined || (!this.learns && this.#device === "cpu")
    const groups = isAlone ? images.map((image) => [image]) : [images]
    const features: Tensor[] = []
    for (const group of groups) features.push(yield* this.#featuresOf(group))
    return this.merge(this.connector.forward(cat(features)).split(tiles), images)
  }

  get learns(): boolean {
    return [...this.weights.values()].some(({ requiresGrad }) => requiresGrad)
  }

  /** What the tower gives, [all tiles, P, C]. */
  *#featuresOf(images: readonly TiledImage[]): Work<Tensor> {
    const side = this.#tileSize
    const [{ pixelValues: first }] = images
    const { count, channels } = this.#given
    const known = this.features?.get(first, [first.length / (3 * side * side), count, channels])
    if (known) return known.to({ device: this.#device })
    const pixels = images.map(({ pixelValues }) =>
      tensor(pixelValues, [pixelValues.length / (3 * side * side), 3, side, side]),
    )
    const features = yield* this.tower.forwardInPieces(cat(pixels))
    if (features.shape[1] !== count)
      throw new UserError(`the vision tower gives ${features.shape[1]} features for a tile, not ${count}`, {
        fix: "its configuration must say the grid of its features as it makes them",
      })
    this.features?.put(first, features)
    return features
  }

  /** Rows of each picture's tiles [T, P, H] → rows of the picture; apart, for features that were computed before. */
  merge(rows: readonly Tensor[], images: readonly Pick<TiledImage, "arrangement">[]): Tensor[] {
    return rows.map((tiles, i) =>
      mergeTiles(tiles, images[i].arrangement ?? { newline: false }, this.#rows.grid, this.#newline),
    )
  }
}
