/** Connectors that see one feature at a time: a linear layer, or several with an activation between them. */

import { Linear } from "../../nn/linear.js"
import { ACTIVATIONS, type Activation } from "../../nn/mlp.js"
import type { Tensor } from "../../torch/index.js"
import { takeLinear, type WeightSource } from "../weight-source.js"
import type { Connector, ConnectorConfig, ConnectorFamily } from "./connector.js"

export const linear: ConnectorFamily = {
  name: "linear",
  read: (name) => (name === "linear" ? { family: "linear", name } : undefined),
  build: (_, { channels }, hiddenSize, weights) =>
    new Linear(weights.take("weight", [hiddenSize, channels]), weights.take("bias", [hiddenSize])),
}

/** `depth` linear layers with an activation between them: the first C → H, the others H → H. */
export interface MlpConfig extends ConnectorConfig {
  family: "mlp"
  depth: number
  activation: Activation
  bias: boolean
}

const DEEPEST = 16

export const mlp: ConnectorFamily<MlpConfig> = {
  name: "mlp",
  usage: "mlp2x_gelu (any depth: mlp1x_gelu, mlp3x_gelu, …)",
  read(name) {
    const depth = Number(/^mlp(\d{1,3})x_gelu$/.exec(name)?.[1] ?? 0)
    if (depth < 1 || depth > DEEPEST) return undefined
    return { family: "mlp", name: `mlp${depth}x_gelu`, depth, activation: "gelu", bias: true }
  },
  // Activations have numbers of their own among the authors' names, and none in transformers.
  rules: ({ depth }) =>
    Array.from({ length: depth }, (_, i) => ({ stored: `linear_${i + 1}.*`, canonical: `${2 * i}.*` })),
  build: (config, { channels }, hiddenSize, weights) => new MlpConnector(config, channels, hiddenSize, weights),
}

export const isMlp = (config: ConnectorConfig): config is MlpConfig => config.family === "mlp"

class MlpConnector implements Connector {
  readonly #layers: readonly Linear[]
  readonly #activation: Activation

  constructor({ depth, bias, activation }: MlpConfig, channels: number, hiddenSize: number, weights: WeightSource) {
    this.#activation = activation
    this.#layers = Array.from({ length: depth }, (_, i) =>
      takeLinear(weights, String(2 * i), [hiddenSize, i === 0 ? channels : hiddenSize], bias),
    )
  }

  forward(features: Tensor): Tensor {
    return this.#layers.reduce((x, layer, i) => layer.forward(i === 0 ? x : ACTIVATIONS[this.#activation](x)), features)
  }
}
