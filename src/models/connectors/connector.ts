/** What a connector is: features of a tower → rows as wide as the language model's embeddings. It knows neither of the two. */

import type { Tensor } from "../../torch/index.js"
import type { TileFeatures } from "../towers/features.js"
import type { WeightSource } from "../weight-source.js"

export interface Connector {
  /** Features of tiles [T, P, C] → [T, P', H]. Differentiable. */
  forward(features: Tensor): Tensor
}

/** What anybody may ask of a connector's configuration, of whatever family. Families extend it with their own keys. */
export interface ConnectorConfig {
  /** Name of the family: connectors/registry.ts. */
  family: string
  /** As recipes, `--connector` and config.json (mm_projector_type) call it, such as "mlp2x_gelu". */
  name: string
}

/**
 * A family of connectors: what the program knows of it. Make one for a connector of your own, and `registerConnector` it:
 * docs/guide/add-a-tower.md.
 */
export interface ConnectorFamily<C extends ConnectorConfig = ConnectorConfig> {
  /** As `config.family` has it. */
  name: string
  /** How its connectors are called, for messages. @default as the family */
  usage?: string
  /** The connector of this name; undefined for a name that is none of this family's. */
  read(name: string): C | undefined
  /**
   * How many features of a tile are left, and how they lie. @default all, as before
   * @throws UserError when the connector does not fit the tower; `where` is the file that is read
   */
  rows?(config: C, features: TileFeatures, where?: string): Pick<TileFeatures, "count" | "grid">
  /** Names behind `multi_modal_projector.` in transformers' form of a model ↔ those below the connector's own prefix. @default the same */
  rules?(config: C): readonly { stored: string; canonical: string }[]
  /**
   * The connector over these weights. Takes every weight in the constructors, and computes nothing there.
   * @param features of the tower, which fit: `rows` was asked
   * @param hiddenSize H, width of the language model
   */
  build(config: C, features: TileFeatures, hiddenSize: number, weights: WeightSource): Connector
}
