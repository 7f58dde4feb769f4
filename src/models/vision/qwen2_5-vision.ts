/** The Qwen2.5-VL vision tower with its merger: pixels of any number of images → features for the language model. */

import { finish, type Work } from "../../in-turns.js"
import { forget } from "../../nn/attention.js"
import { type AttentionPattern, windows } from "../../nn/attention-pattern.js"
import { type Linear, multiply } from "../../nn/linear.js"
import type { RmsNorm } from "../../nn/norm.js"
import type { RopeTables } from "../../nn/rope.js"
import { runLayer } from "../../nn/run-layer.js"
import type { SwiGlu } from "../../nn/swiglu.js"
import { cat, type DType, gradEnabled, type Tensor, tensor } from "../../torch/index.js"
import type { VisionConfig } from "../families/qwen2_5_vl-read.js"
import { patchTables, QwenAttention } from "../towers/qwen-attention.js"
import type { ImageInput } from "../types.js"
import { takeLinear, takeNorm, takeSwiGlu, type WeightSource } from "../weight-source.js"
import { type Grid, visionLayout } from "./qwen2_5-vision-layout.js"

/** Where the weights of the two parts are. */
export const VISION = { tower: "model.vision_tower.vision_tower", merger: "model.mm_projector.merger" }

/** A picture as `image/processors/qwen.ts` prepares it. */
export interface QwenImageInput extends ImageInput {
  /** [patches, 1176] */
  pixelValues: Float32Array
  /** Frames, patch rows, patch columns. */
  grid: Grid
}

export class Qwen25Vision {
  /** Keeps only the input of each block for the backward pass and computes the rest a second time. */
  checkpointLayers = false

  readonly #config: VisionConfig
  readonly #dtype: DType
  readonly #patchEmbedding: Tensor
  readonly #blocks: VisionBlock[]
  /** Those of the blocks and the patch embedding. */
  readonly #weights: readonly Tensor[]
  readonly #merger: { norm: RmsNorm; first: Linear; second: Linear }

  constructor(config: VisionConfig, weights: WeightSource, dtype: DType) {
    const { hiddenSize, inChannels, temporalPatchSize, patchSize, rmsNormEps: eps } = config
    const [tower, merger] = [weights.at(VISION.tower), weights.at(VISION.merger)]
    this.#config = config
    this.#dtype = dtype
    const patch = [hiddenSize, inChannels, temporalPatchSize, patchSize, patchSize]
    this.#patchEmbedding = tower.at("patch_embed.proj").take("weight", patch)
    this.#blocks = Array.from({ length: config.depth }, (_, i) => new VisionBlock(config, tower.at(`blocks.${i}`)))
    this.#weights = [...weights.taken].flatMap(([name, weight]) => (name.startsWith(VISION.tower) ? [weight] : []))
    const cell = hiddenSize * config.mergeSize ** 2
    this.#merger = {
      norm: takeNorm(merger, "ln_q", hiddenSize, eps),
      first: takeLinear(merger, "mlp.0", [cell, cell], true),
      second: takeLinear(merger, "mlp.2", [config.outHiddenSize, cell], true),
    }
  }

  /** Features of each image in raster order, [tokens, H]; the images are computed as one batch. */
  forward(images: readonly QwenImageInput[]): Tensor[] {
    return finish(this.forwardInPieces(images))
  }

  /** `forward`, stopping after each block. */
  *forwardInPieces(pictures: readonly ImageInput[]): Work<Tensor[]> {
    const images = pictures as readonly QwenImageInput[]
    if (images.length === 0) return []
    const { hidden, order } = yield* this.#towerInPieces(images)
    const { norm, first, second } = this.#merger
    const cell = this.#config.hiddenSize * this.#config.mergeSize ** 2
    const merged = second.forward(first.forward(norm.forward(hidden).view(-1, cell)).gelu())
    const tokens = images.map(({ grid }) => this.tokens(grid))
    return merged.indexSelect(0, order).split(tokens)
  }

  /** Rows an image takes in the sequence. */
  tokens([frames, rows, columns]: Grid): number {
    return (frames * rows * columns) / this.#config.mergeSize ** 2
  }

  /**
   * The blocks alone.
   * @returns hidden [patches, hidden], in window order; order int32 [cells]: the place of each merge cell of the raster
   */
  tower(images: readonly QwenImageInput[]): { hidden: Tensor; order: Tensor } {
    return finish(this.#towerInPieces(images))
  }

  *#towerInPieces(images: readonly QwenImageInput[]): Work<{ hidden: Tensor; order: Tensor }> {
    const { mergeSize, patchSize, windowSize, hiddenSize, heads } = this.#config
    const layout = visionLayout(
      images.map(({ grid }) => grid),
      mergeSize,
      Math.floor(windowSize / mergeSize / patchSize),
    )
    const device = this.#patchEmbedding.device
    const onDevice = (values: Int32Array): Tensor => tensor(values).to({ device })
    const weight = this.#patchEmbedding.flatten(1)
    const pixels = cat(
      images.map(({ pixelValues }) => tensor(pixelValues, [pixelValues.length / weight.shape[1], weight.shape[1]])),
    )
    const patches = multiply(pixels.to({ device, dtype: this.#dtype }), weight)

    const unit = mergeSize * mergeSize
    const tables = patchTables(layout.rows, layout.columns, hiddenSize / heads, device)
    const inWindows = [windows(layout.windowLengths)]
    const inFrames = [windows(layout.frameLengths)]

    let x = patches.view(-1, unit, hiddenSize).indexSelect(0, onDevice(layout.windowOrder)).view(-1, hiddenSize)
    // A frozen tower leaves nothing for a backward pass, so it need not keep anything either.
    const recording = gradEnabled() && this.#weights.some((weight) => weight.requiresGrad)
    try {
      for (const [i, block] of this.#blocks.entries()) {
        const patterns = this.#config.fullAttentionBlocks.includes(i) ? inFrames : inWindows
        const body = (input: Tensor): Tensor => block.forward(input, tables, patterns)
        x = runLayer(x, body, { recording, recompute: this.checkpointLayers })
        yield
      }
    } finally {
      if (!recording) for (const patterns of [inWindows, inFrames]) forget(patterns)
    }
    return { hidden: x, order: onDevice(layout.rasterOrder) }
  }
}

class VisionBlock {
  readonly #attentionNorm: RmsNorm
  readonly #attention: QwenAttention
  readonly #mlpNorm: RmsNorm
  readonly #mlp: SwiGlu

  constructor(config: VisionConfig, weights: WeightSource) {
    const { hiddenSize, intermediateSize, rmsNormEps: eps } = config
    this.#attentionNorm = takeNorm(weights, "norm1", hiddenSize, eps)
    this.#attention = new QwenAttention(config, weights.at("attn"))
    this.#mlpNorm = takeNorm(weights, "norm2", hiddenSize, eps)
    this.#mlp = takeSwiGlu(weights, "mlp", hiddenSize, intermediateSize, true)
  }

  /** x [patches, hidden] */
  forward(x: Tensor, tables: RopeTables, patterns: readonly AttentionPattern[]): Tensor {
    const h = x.add(this.#attention.forward(this.#attentionNorm.forward(x), tables, patterns))
    return h.add(this.#mlp.forward(this.#mlpNorm.forward(h)))
  }
}
