/**
 * EfficientNet-lite as a vision tower: inverted bottlenecks of a pointwise, a depthwise and a pointwise convolution, and the
 * places of the last map are the features. Batch normalisation is part of the weights (weights.ts).
 */

import { runLayer, type TileTower, type TowerFamily, type WeightSource, type Work } from "diffusionvl"
import { type DType, gradEnabled, operator, type Tensor } from "diffusionvl/torch"
import { type EfficientNetConfig, FAMILY, readConfig, strided } from "./config.js"

const conv2d = operator("aten::conv2d")
const pad = operator("aten::constant_pad_nd")

interface ConvolutionShape {
  input: number
  output: number
  kernel: number
  stride?: number
  /** Each channel by itself. */
  depthwise?: boolean
}

/** A convolution padded as TensorFlow's "same": what is missing on both sides, the odd pixel on the right and below. */
class Convolution {
  readonly weight: Tensor
  readonly #bias: Tensor
  readonly #kernel: number
  readonly #stride: number
  readonly #groups: number

  constructor({ input, output, kernel, stride = 1, depthwise = false }: ConvolutionShape, weights: WeightSource) {
    this.#kernel = kernel
    this.#stride = stride
    this.#groups = depthwise ? input : 1
    this.weight = weights.take("weight", [output, depthwise ? 1 : input, kernel, kernel])
    this.#bias = weights.take("bias", [output])
  }

  /** [T, C, rows, columns] → [T, C', ⌈rows / stride⌉, ⌈columns / stride⌉] */
  forward(x: Tensor): Tensor {
    const [rows, columns] = x.shape.slice(2).map((size) => this.#missing(size))
    const half = (missing: number): number => Math.floor(missing / 2)
    const isEven = rows % 2 === 0 && columns % 2 === 0
    const sides = [half(columns), columns - half(columns), half(rows), rows - half(rows)]
    const padded = isEven ? x : (pad.call(x, sides, 0) as Tensor)
    const padding = isEven ? [half(rows), half(columns)] : [0, 0]
    const { dtype } = x
    const strides = [this.#stride, this.#stride]
    return conv2d.call(
      padded,
      this.weight.to(dtype),
      this.#bias.to(dtype),
      strides,
      padding,
      [1, 1],
      this.#groups,
    ) as Tensor
  }

  /** Pixels of padding on both sides together. */
  #missing(size: number): number {
    return Math.max(0, (strided(size, this.#stride) - 1) * this.#stride + this.#kernel - size)
  }
}

const relu6 = (x: Tensor): Tensor => x.clamp(0, 6)

export class EfficientNet implements TileTower {
  readonly hiddenSize: number
  checkpointLayers = false
  readonly #layers: ((x: Tensor) => Tensor)[]
  readonly #weights: Tensor[] = []

  constructor(
    { stem, blocks, hiddenSize }: EfficientNetConfig,
    weights: WeightSource,
    readonly dtype: DType,
  ) {
    this.hiddenSize = hiddenSize
    const convolution = (shape: ConvolutionShape, name: string): Convolution => {
      const made = new Convolution(shape, weights.at(name))
      this.#weights.push(made.weight)
      return made
    }
    const first = convolution({ input: 3, output: stem, kernel: 3, stride: 2 }, "stem")
    const middle = blocks.map(({ input, hidden, output, kernel, stride }, i) => {
      const at = `blocks.${i}`
      const expand = hidden === input ? undefined : convolution({ input, output: hidden, kernel: 1 }, `${at}.expand`)
      const depthwise = convolution(
        { input: hidden, output: hidden, kernel, stride, depthwise: true },
        `${at}.depthwise`,
      )
      const project = convolution({ input: hidden, output, kernel: 1 }, `${at}.project`)
      return (x: Tensor): Tensor => {
        const wide = expand ? relu6(expand.forward(x)) : x
        const narrow = project.forward(relu6(depthwise.forward(wide)))
        return stride === 1 && input === output ? narrow.add(x) : narrow
      }
    })
    const last = convolution({ input: blocks[blocks.length - 1].output, output: hiddenSize, kernel: 1 }, "head")
    this.#layers = [(x) => relu6(first.forward(x)), ...middle, (x) => relu6(last.forward(x))]
  }

  /** [T, 3, S, S] → [T, P, C] */
  *forwardInPieces(pixels: Tensor): Work<Tensor> {
    const { device } = this.#weights[0]
    const recording = gradEnabled() && this.#weights.some(({ requiresGrad }) => requiresGrad)
    let x = pixels.to({ device, dtype: this.dtype })
    for (const layer of this.#layers) {
      x = runLayer(x, layer, { recording, recompute: this.checkpointLayers })
      yield
    }
    return x.flatten(2).transpose(1, 2)
  }
}

export const efficientNetLite: TowerFamily<EfficientNetConfig> = {
  name: FAMILY,
  title: "EfficientNet-lite",
  modelTypes: [FAMILY],
  read: readConfig,
  write: ({ raw }) => raw,
  layout: {
    rules: ["stem.*", "blocks.{i}.*", "head.*"].map((name) => ({ stored: name, canonical: name })),
    ignored: ["classifier.*"],
  },
  build: (config, _, weights, dtype) => new EfficientNet(config, weights, dtype),
}
