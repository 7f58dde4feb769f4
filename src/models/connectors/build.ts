/** Connectors by their kind. */

import type { TileFeatures } from "../towers/features.js"
import type { WeightSource } from "../weight-source.js"
import { type Connector, type ConnectorKind, connected } from "./connector.js"
import { LinearConnector, MlpConnector } from "./mlp.js"
import { PixelShuffle } from "./pixel-shuffle.js"

/**
 * @param features of the tower
 * @param hiddenSize of the language model
 * @param weights those of the connector, below its prefix
 * @throws UserError when the connector does not fit the tower
 */
export function buildConnector(
  kind: ConnectorKind,
  features: TileFeatures,
  hiddenSize: number,
  weights: WeightSource,
): Connector {
  connected(kind, features, hiddenSize)
  switch (kind.type) {
    case "linear":
      return new LinearConnector(features.channels, hiddenSize, weights)
    case "mlp":
      return new MlpConnector(kind, features.channels, hiddenSize, weights)
    case "pixel_shuffle":
      return new PixelShuffle(kind.factor, features, hiddenSize, weights)
  }
}
