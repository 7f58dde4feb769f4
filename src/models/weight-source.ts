/** Where a model's weights come from. Names and shapes stand where the model uses them, and nowhere else. */
import { LayerNorm } from "../nn/layer-norm.js"
import { Linear } from "../nn/linear.js"
import { RmsNorm } from "../nn/norm.js"
import { SwiGlu } from "../nn/swiglu.js"
import type { Tensor } from "../torch/index.js"

export interface WeightSource {
  /**
   * A weight by its name below the prefix.
   * @throws Error when there is none of this name and shape: checkpoints are checked before, so this is a bug
   */
  take(name: string, shape: readonly number[]): Tensor
  /** The weights below a prefix. */
  at(prefix: string): WeightSource
  /** Every weight taken so far, also through other prefixes, by its whole name and in the order of taking. */
  readonly taken: ReadonlyMap<string, Tensor>
}

abstract class Source implements WeightSource {
  constructor(
    protected readonly prefix: string,
    readonly taken: Map<string, Tensor>,
  ) {}

  take(name: string, shape: readonly number[]): Tensor {
    const whole = this.prefix + name
    if (this.taken.has(whole)) throw new Error(`the model takes its weight ${whole} twice`)
    const weight = this.find(whole, shape)
    this.taken.set(whole, weight)
    return weight
  }

  protected abstract find(name: string, shape: readonly number[]): Tensor
  abstract at(prefix: string): WeightSource
}

/** Weights that are there. */
export class MapWeights extends Source {
  readonly #weights: ReadonlyMap<string, Tensor>

  constructor(weights: ReadonlyMap<string, Tensor>, prefix = "", taken = new Map<string, Tensor>()) {
    super(prefix, taken)
    this.#weights = weights
  }

  at(prefix: string): MapWeights {
    return new MapWeights(this.#weights, `${this.prefix}${prefix}.`, this.taken)
  }

  protected find(name: string, shape: readonly number[]): Tensor {
    const found = this.#weights.get(name)
    if (!found) throw new Error(`the model has no weight ${name}`)
    if (found.shape.join() !== shape.join()) throw new Error(`the weight ${name} is [${found.shape}], not [${shape}]`)
    return found
  }
}

/** Notes what a model asks for. Its weights are no tensors: a model built from it can only be thrown away. */
export class RecordingWeights extends Source {
  constructor(
    readonly shapes = new Map<string, readonly number[]>(),
    prefix = "",
    taken = new Map<string, Tensor>(),
  ) {
    super(prefix, taken)
  }

  at(prefix: string): RecordingWeights {
    return new RecordingWeights(this.shapes, `${this.prefix}${prefix}.`, this.taken)
  }

  protected find(name: string, shape: readonly number[]): Tensor {
    this.shapes.set(name, shape)
    return new Proxy({} as Tensor, {
      get() {
        throw new Error(`${name} is only a name: constructors of models must not compute`)
      },
    })
  }
}

/** `name`.weight [outputs, inputs], with `name`.bias if there is to be one. */
export function takeLinear(
  weights: WeightSource,
  name: string,
  [outputs, inputs]: readonly [number, number],
  bias: boolean,
): Linear {
  const module = weights.at(name)
  return new Linear(module.take("weight", [outputs, inputs]), bias ? module.take("bias", [outputs]) : null)
}

/** `name`.weight [size] */
export function takeNorm(weights: WeightSource, name: string, size: number, eps: number): RmsNorm {
  return new RmsNorm(weights.at(name).take("weight", [size]), eps)
}

/** `name`.weight and `name`.bias, [size] each */
export function takeLayerNorm(weights: WeightSource, name: string, size: number, eps: number): LayerNorm {
  const module = weights.at(name)
  return new LayerNorm(module.take("weight", [size]), module.take("bias", [size]), eps)
}

/** Gate and up [inner, size], down [size, inner]. */
export function takeSwiGlu(weights: WeightSource, name: string, size: number, inner: number, bias: boolean): SwiGlu {
  const module = weights.at(name)
  const [gate, up] = ["gate_proj", "up_proj"].map((part) => takeLinear(module, part, [inner, size], bias))
  return new SwiGlu(gate, up, takeLinear(module, "down_proj", [size, inner], bias))
}
