/** What a connector is: features of a tower → rows as wide as the language model's embeddings. It knows neither of the two. */

import { UserError } from "../../errors.js"
import type { Activation } from "../../nn/mlp.js"
import { shown } from "../../readable.js"
import type { Tensor } from "../../torch/index.js"
import type { TileFeatures } from "../towers/features.js"

/** A connector of your own is any object of this shape. */
export interface Connector {
  /** Features of tiles [T, P, C] → [T, P', H]. Differentiable. */
  forward(features: Tensor): Tensor
}

/** What a connector is made of, beside the sizes of what it connects. */
export type ConnectorKind =
  | { type: "linear" }
  /** `depth` linear layers with biases and exact GELU between them: the first C → H, the others H → H. */
  | { type: "mlp"; depth: number; activation?: Activation; bias?: boolean }
  /** Each factor × factor features become one of factor² the channels, and a linear layer without bias follows. */
  | { type: "pixel_shuffle"; factor: number }

const DEEPEST = 16

/**
 * A connector by its name: `linear`, `mlp2x_gelu` (any depth: mlpNx_gelu), `pixel_shuffle` (2 × 2) or `pixel_shuffleN`.
 * @param what the option or key that names it, for errors
 * @throws UserError for another name
 */
export function connectorNamed(name: unknown, what = "the connector", where?: string): ConnectorKind {
  if (name === "linear") return { type: "linear" }
  const [, depth, factor] =
    typeof name === "string" ? (/^(?:mlp(\d{1,3})x_gelu|pixel_shuffle(\d{0,3}))$/.exec(name) ?? []) : []
  if (depth !== undefined && Number(depth) >= 1 && Number(depth) <= DEEPEST)
    return { type: "mlp", depth: Number(depth) }
  if (factor === "" || Number(factor) >= 2) return { type: "pixel_shuffle", factor: Number(factor) || 2 }
  throw new UserError(`${what} is ${shown(name)}, which is no known connector`, {
    where,
    fix: "use linear, mlp2x_gelu (any depth: mlp1x_gelu, mlp3x_gelu, …) or pixel_shuffle",
  })
}

/** The name of `connectorNamed` again. */
export function nameOfConnector(kind: ConnectorKind): string {
  switch (kind.type) {
    case "linear":
      return "linear"
    case "mlp":
      return `mlp${kind.depth}x_gelu`
    case "pixel_shuffle":
      return kind.factor === 2 ? "pixel_shuffle" : `pixel_shuffle${kind.factor}`
  }
}

/**
 * What becomes of the features of a tile.
 * @throws UserError when the connector does not fit the tower
 */
export function connected(
  kind: ConnectorKind,
  features: TileFeatures,
  hiddenSize: number,
  where?: string,
): TileFeatures {
  if (kind.type !== "pixel_shuffle") return { ...features, channels: hiddenSize }
  const { factor } = kind
  const fix = "use another connector, such as mlp2x_gelu"
  if (!features.grid)
    throw new UserError(`pixel shuffle needs a grid of features, and the tower's ${features.count} form none`, {
      where,
      fix,
    })
  const [rows, columns] = features.grid
  if (rows % factor !== 0 || columns % factor !== 0)
    throw new UserError(
      `pixel shuffle of ${factor} × ${factor} does not divide the tower's ${rows} × ${columns} features`,
      { where, fix },
    )
  return {
    count: features.count / factor ** 2,
    grid: [rows / factor, columns / factor],
    channels: hiddenSize,
  }
}
