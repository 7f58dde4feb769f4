/** Weights by canonical name, and the building blocks made from them. */

import { Linear } from "../nn/linear.js"
import { RmsNorm } from "../nn/norm.js"
import { SwiGlu } from "../nn/swiglu.js"
import type { Tensor } from "../torch/index.js"

export type WeightMap = ReadonlyMap<string, Tensor>

/** @throws Error when there is no such weight: checkpoints are checked before, so this is a bug. */
export function take(weights: WeightMap, name: string): Tensor {
  const found = weights.get(name)
  if (!found) throw new Error(`the model has no weight ${name}`)
  return found
}

/** `name`.weight and, where there is one, `name`.bias. */
export function takeLinear(weights: WeightMap, name: string): Linear {
  return new Linear(take(weights, `${name}.weight`), weights.get(`${name}.bias`) ?? null)
}

export function takeNorm(weights: WeightMap, name: string, eps: number): RmsNorm {
  return new RmsNorm(take(weights, `${name}.weight`), eps)
}

export function takeSwiGlu(weights: WeightMap, name: string): SwiGlu {
  const [gate, up, down] = ["gate", "up", "down"].map((part) => takeLinear(weights, `${name}.${part}_proj`))
  return new SwiGlu(gate, up, down)
}
