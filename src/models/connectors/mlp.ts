/** Connectors that see one feature at a time: a linear layer, or several with an activation between them. */

import { Linear } from "../../nn/linear.js"
import { ACTIVATIONS, type Activation } from "../../nn/mlp.js"
import type { Tensor } from "../../torch/index.js"
import { takeLinear, type WeightSource } from "../weight-source.js"
import type { Connector } from "./connector.js"

export class LinearConnector implements Connector {
  readonly #layer: Linear

  constructor(channels: number, hiddenSize: number, weights: WeightSource) {
    this.#layer = new Linear(weights.take("weight", [hiddenSize, channels]), weights.take("bias", [hiddenSize]))
  }

  forward(features: Tensor): Tensor {
    return this.#layer.forward(features)
  }
}

export class MlpConnector implements Connector {
  readonly #layers: readonly Linear[]
  readonly #activation: Activation

  constructor(
    { depth, bias = true, activation = "gelu" }: { depth: number; bias?: boolean; activation?: Activation },
    channels: number,
    hiddenSize: number,
    weights: WeightSource,
  ) {
    this.#activation = activation
    // Activations have numbers of their own among the published names.
    this.#layers = Array.from({ length: depth }, (_, i) =>
      takeLinear(weights, String(2 * i), [hiddenSize, i === 0 ? channels : hiddenSize], bias),
    )
  }

  forward(features: Tensor): Tensor {
    return this.#layers.reduce((x, layer, i) => layer.forward(i === 0 ? x : ACTIVATIONS[this.#activation](x)), features)
  }
}
