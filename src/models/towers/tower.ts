/**
 * What a vision tower is: pixels → features, which a connector then brings into the language model's space. A tower knows
 * neither the connector nor the language model.
 */

import type { Json } from "../../checkpoint/json.js"
import type { Layout } from "../../checkpoint/layout.js"
import type { Work } from "../../in-turns.js"
import type { DType, Tensor } from "../../torch/index.js"
import type { WeightSource } from "../weight-source.js"

/** Rows and columns of features, in raster order. */
export type FeatureGrid = readonly [rows: number, columns: number]

/** @typeParam Input one batch of pictures or tiles; @typeParam Output their features */
export interface VisionTower<Input, Output> {
  /** C, channels of a feature. */
  readonly hiddenSize: number
  /** Gradient checkpointing: keeps only the input of each layer and computes the rest again in the backward pass. */
  checkpointLayers: boolean
  /**
   * Features of a batch, stopping after each layer so that the event loop can turn. When no weight of the tower requires a
   * gradient, nothing is kept for a backward pass.
   */
  forwardInPieces(input: Input): Work<Output>
}

/**
 * A tower for square tiles of one size: pixels [T, 3, S, S] → features [T, P, C]. S is the config's `tileSize`; P and the
 * grid that the features form are what `featuresOf(config, selection)` says.
 *
 * A tower of your own is any object of this shape: a convolutional network gives its last map, [T, C, rows, columns], as
 * features in raster order, `map.flatten(2).transpose(1, 2)`. Make a `TowerFamily` that reads its configuration and builds
 * it, and `registerTower` it: docs/guide/add-a-tower.md.
 */
export type TileTower = VisionTower<Tensor, Tensor>

/** What anybody may ask of a tower's configuration, of whatever family. Families extend it with their own keys. */
export interface TowerConfig {
  /** Name of the family: towers/registry.ts. */
  family: string
  /** Channels of one hidden state. */
  hiddenSize: number
  /** S, pixels per side of a tile. */
  tileSize: number
  /** Features of a tile. */
  grid: FeatureGrid
  /** Features before those of the grid, such as a class token. */
  classTokens: number
  /** Hidden states behind one another that may be asked for: that of the input and one behind each layer, or the last alone. */
  hiddenStates: number
  /** The configuration as it was read. */
  raw: Json
}

/** Which of a tower's hidden states a connector gets. */
export interface FeatureSelection {
  /**
   * 0 is what the first layer gets, i what layer i gives; negative ones count from the end, −1 is the last layer's. The
   * channels of several are joined.
   */
  layers: readonly number[]
  /** The first feature, a class token where the tower has one, is left out. */
  skipFirst: boolean
  /** The norm behind the last layer is applied. */
  postNorm: boolean
}

/** A family of towers: what the program knows of it. */
export interface TowerFamily<C extends TowerConfig = TowerConfig> {
  /** As `config.family` has it. */
  name: string
  /** What people call it, for messages. */
  title: string
  /** What `model_type` of a vision_config, or of the config.json of a tower alone, may say. */
  modelTypes: readonly string[]
  /** What config.json of the model that it was trained in says, which has a vision_config. */
  trainedIn?: readonly string[]
  /**
   * Its configuration, checked.
   * @throws UserError naming the key that cannot be right, below that of its place
   */
  read(json: Json, place: ConfigPlace): C
  /** The hidden state that a new model takes, unless it is told another one. @default −1, the last layer's */
  usualLayer?: number
  /** The vision_config again. */
  write(config: C): Json
  /**
   * The names in the folder of such a tower alone, and names below the tower's own prefix. What belongs to other parts of
   * the model it was trained in stands under `ignored`.
   */
  layout: Pick<Layout, "rules" | "ignored">
  /** The tower over these weights, computing in `dtype`. Takes every weight in the constructors, and computes nothing there. */
  build(config: C, selection: FeatureSelection, weights: WeightSource, dtype: DType): TileTower
}

/** Where a piece of configuration stands, for errors. */
export interface ConfigPlace {
  /** That it stands under; empty for the whole file. */
  key: string
  /** The file. */
  where?: string
}
