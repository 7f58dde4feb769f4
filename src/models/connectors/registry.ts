/** The families of connectors, a line each; finding one by its name, and building it. */

import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { Registry } from "../../registry.js"
import type { TileFeatures } from "../towers/features.js"
import type { WeightSource } from "../weight-source.js"
import type { Connector, ConnectorConfig, ConnectorFamily } from "./connector.js"
import { linear, mlp } from "./mlp.js"
import { pixel_shuffle } from "./pixel-shuffle.js"

const families = new Registry<ConnectorFamily>("family of connectors", [mlp, linear, pixel_shuffle])

/** Makes a family of connectors known, so that models, recipes and `--connector` find them by their names. */
export const registerConnector = (family: ConnectorFamily): void => families.register(family)

/** The family of a configuration. */
export const connectorFamilyOf = ({ family }: ConnectorConfig): ConnectorFamily => families.named(family)

/**
 * A connector by its name: `linear`, `mlp2x_gelu` (any depth: mlpNx_gelu), `pixel_shuffle` (2 × 2), `pixel_shuffleN`, or one that
 * was registered.
 * @param what the option or key that names it, for errors
 * @throws UserError for another name
 */
export function connectorNamed(name: unknown, what = "the connector", where?: string): ConnectorConfig {
  for (const family of typeof name === "string" ? families.all() : []) {
    const found = family.read(name as string)
    if (found) return found
  }
  const known = families.all().map(({ name, usage }) => usage ?? name)
  throw new UserError(`${what} is ${shown(name)}, which is no known connector`, {
    where,
    fix: `known are ${known.join(", ")}`,
  })
}

/**
 * What becomes of the features of a tile.
 * @throws UserError when the connector does not fit the tower
 */
export function connected(
  config: ConnectorConfig,
  features: TileFeatures,
  hiddenSize: number,
  where?: string,
): TileFeatures {
  const { count, grid } = connectorFamilyOf(config).rows?.(config, features, where) ?? features
  return { count, grid, channels: hiddenSize }
}

/**
 * @param features of the tower
 * @param hiddenSize of the language model
 * @param weights those of the connector, below its prefix
 * @throws UserError when the connector does not fit the tower
 */
export function buildConnector(
  config: ConnectorConfig,
  features: TileFeatures,
  hiddenSize: number,
  weights: WeightSource,
): Connector {
  connected(config, features, hiddenSize)
  return connectorFamilyOf(config).build(config, features, hiddenSize, weights)
}
