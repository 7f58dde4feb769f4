/** Qwen3-VL's vision tower: patches of pictures of any size, with interpolated position embeddings and rotary ones. */

import type { Work } from "../../in-turns.js"
import { forget } from "../../nn/attention.js"
import { type AttentionPattern, windows } from "../../nn/attention-pattern.js"
import type { LayerNorm } from "../../nn/layer-norm.js"
import { multiply } from "../../nn/linear.js"
import { Mlp } from "../../nn/mlp.js"
import type { RopeTables } from "../../nn/rope.js"
import { runLayer } from "../../nn/run-layer.js"
import {
  cat,
  type DType,
  dtypeCode,
  embedding,
  gradEnabled,
  operator,
  type Tensor,
  tensor,
  tidy,
} from "../../torch/index.js"
import type { QwenImageInput } from "../vision/qwen2_5-vision.js"
import { type VisionLayout, visionLayout } from "../vision/qwen2_5-vision-layout.js"
import { takeLayerNorm, takeLinear, type WeightSource } from "../weight-source.js"
import { patchTables, QwenAttention } from "./qwen-attention.js"
import type { Qwen3VisionConfig } from "./qwen3-config.js"
import { interpolatedPositions } from "./qwen3-positions.js"
import type { VisionTower } from "./tower.js"

const linspaceOf = operator("aten::linspace")

/** Hidden states of all patches of a batch, [patches, hidden]: cells of a merger, and the patches of a cell, in raster order. */
export interface Qwen3Hidden {
  last: Tensor
  /** Behind the layers that DeepStack takes, by layer. */
  deepstack: { layer: number; hidden: Tensor }[]
}

export class Qwen3Tower implements VisionTower<readonly QwenImageInput[], Qwen3Hidden> {
  readonly hiddenSize: number
  checkpointLayers = false

  readonly #config: Qwen3VisionConfig
  readonly #dtype: DType
  readonly #patch: { weight: Tensor; bias: Tensor }
  readonly #positions: Tensor
  readonly #blocks: readonly Block[]
  readonly #weights: readonly Tensor[]

  constructor(config: Qwen3VisionConfig, weights: WeightSource, dtype: DType) {
    const { hiddenSize, temporalPatchSize, patchSize } = config
    const before = new Set(weights.taken.values())
    const patch = weights.at("patch_embed.proj")
    this.hiddenSize = hiddenSize
    this.#config = config
    this.#dtype = dtype
    this.#patch = {
      weight: patch.take("weight", [hiddenSize, 3, temporalPatchSize, patchSize, patchSize]),
      bias: patch.take("bias", [hiddenSize]),
    }
    this.#positions = weights.at("pos_embed").take("weight", [config.positions, hiddenSize])
    this.#blocks = Array.from({ length: config.depth }, (_, i) => new Block(config, weights.at(`blocks.${i}`)))
    this.#weights = [...weights.taken.values()].filter((weight) => !before.has(weight))
  }

  *forwardInPieces(images: readonly QwenImageInput[]): Work<Qwen3Hidden> {
    const { hiddenSize, heads, mergeSize, deepstackLayers, ropeRounding } = this.#config
    // One window holds a whole picture: cells are in raster order.
    const layout = visionLayout(
      images.map(({ grid }) => grid),
      mergeSize,
      Number.POSITIVE_INFINITY,
    )
    const recording = gradEnabled() && this.#weights.some((weight) => weight.requiresGrad)
    const { device } = this.#patch.weight
    const tables = patchTables(layout.rows, layout.columns, hiddenSize / heads, device, ropeRounding)
    const patterns = [windows(layout.frameLengths)]
    const deepstack: Qwen3Hidden["deepstack"] = []
    const embed = (input: Tensor): Tensor => this.#embed(input, images, layout)
    let x = runLayer(pixelsOf(images), embed, { recording, recompute: false })
    yield
    try {
      for (const [layer, block] of this.#blocks.entries()) {
        const body = (input: Tensor): Tensor => block.forward(input, tables, patterns)
        x = runLayer(x, body, { recording, recompute: this.checkpointLayers })
        if (deepstackLayers.includes(layer)) deepstack.push({ layer, hidden: x })
        yield
      }
    } finally {
      if (!recording) forget(patterns)
    }
    return { last: x, deepstack }
  }

  #embed(pixels: Tensor, images: readonly QwenImageInput[], layout: VisionLayout): Tensor {
    const { weight, bias } = this.#patch
    const input = pixels.to({ device: weight.device, dtype: this.#dtype })
    return multiply(input, weight.flatten(1), bias).add(this.#positionsOf(images, layout))
  }

  /** Position embeddings of all patches, [patches, hidden]. */
  #positionsOf(images: readonly QwenImageInput[], { rows, columns }: VisionLayout): Tensor {
    const { device } = this.#positions
    const side = Math.floor(Math.sqrt(this.#config.positions))
    const { indices, weights } = interpolatedPositions(
      side,
      images.map(({ grid: [, height, width] }) => [height, width]),
      images.map(({ grid: [frames, height, width] }) => frames * height * width),
      rows,
      columns,
      (n) => linspace(side - 1, n),
    )
    const shape = [4, rows.length]
    const entries = embedding(this.#positions, tensor(indices, shape).to({ device, dtype: "int64" })).to(this.#dtype)
    const shares = tensor(weights, shape).to({ device, dtype: this.#dtype }).unsqueeze(2)
    const [a, b, c, d] = entries.mul(shares).split(1)
    return a.add(b).add(c).add(d).squeeze(0)
  }
}

/** [patches, 3 · frames · p · p] */
const pixelsOf = (images: readonly QwenImageInput[]): Tensor =>
  cat(
    images.map(({ pixelValues, grid: [frames, rows, columns] }) => {
      const patches = frames * rows * columns
      return tensor(pixelValues, [patches, pixelValues.length / patches])
    }),
  )

/** n numbers from 0 to `end`, which the engine rounds as the published code does. */
const linspace = (end: number, n: number): Float32Array =>
  tidy(() => linspaceOf.call(0, end, n, dtypeCode("float32")).toFloat32())

class Block {
  readonly #attentionNorm: LayerNorm
  readonly #attention: QwenAttention
  readonly #mlpNorm: LayerNorm
  readonly #mlp: Mlp

  constructor(config: Qwen3VisionConfig, weights: WeightSource) {
    const { hiddenSize, intermediateSize, activation, normEps } = config
    this.#attentionNorm = takeLayerNorm(weights, "norm1", hiddenSize, normEps)
    this.#attention = new QwenAttention(config, weights.at("attn"))
    this.#mlpNorm = takeLayerNorm(weights, "norm2", hiddenSize, normEps)
    this.#mlp = new Mlp(
      takeLinear(weights, "mlp.linear_fc1", [intermediateSize, hiddenSize], true),
      takeLinear(weights, "mlp.linear_fc2", [hiddenSize, intermediateSize], true),
      activation,
    )
  }

  /** x [patches, hidden] */
  forward(x: Tensor, tables: RopeTables, patterns: readonly AttentionPattern[]): Tensor {
    const h = x.add(this.#attention.forward(this.#attentionNorm.forward(x), tables, patterns))
    return h.add(this.#mlp.forward(this.#mlpNorm.forward(h)))
  }
}
