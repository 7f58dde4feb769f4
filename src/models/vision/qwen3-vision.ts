/**
 * Qwen3-VL's tower with its mergers: pictures → rows of the sequence, and beside them what DeepStack adds to the hidden states
 * there behind the first layers of the language model.
 */

import { finish, type Work } from "../../in-turns.js"
import { cat, type DType, type Tensor } from "../../torch/index.js"
import { Qwen3Merger } from "../connectors/qwen3-merger.js"
import { Qwen3Tower } from "../towers/qwen3.js"
import type { Qwen3VisionConfig } from "../towers/qwen3-config.js"
import type { ImageInput } from "../types.js"
import type { WeightSource } from "../weight-source.js"
import type { QwenImageInput } from "./qwen2_5-vision.js"
import type { Grid } from "./qwen2_5-vision-layout.js"
import { VISION_WEIGHTS } from "./vision-weights.js"

export class Qwen3Vision {
  readonly tower: Qwen3Tower
  readonly #config: Qwen3VisionConfig
  readonly #merger: Qwen3Merger
  readonly #deepstack: readonly Qwen3Merger[]

  /** @param weights of the whole model */
  constructor(config: Qwen3VisionConfig, weights: WeightSource, dtype: DType) {
    const connector = weights.at(VISION_WEIGHTS.connector)
    this.#config = config
    this.tower = new Qwen3Tower(config, weights.at(VISION_WEIGHTS.tower), dtype)
    this.#merger = new Qwen3Merger(config, connector.at("merger"), { afterJoin: false })
    this.#deepstack = config.deepstackLayers.map(
      (_, i) => new Qwen3Merger(config, connector.at(`deepstack_merger_list.${i}`), { afterJoin: true }),
    )
  }

  get checkpointLayers(): boolean {
    return this.tower.checkpointLayers
  }
  set checkpointLayers(on: boolean) {
    this.tower.checkpointLayers = on
  }

  /** `forwardInPieces` at once. */
  forward(images: readonly ImageInput[]): Tensor[] {
    return finish(this.forwardInPieces(images))
  }

  /**
   * Features of each picture, [tokens, (1 + deepstack layers) · H], rows in raster order; the pictures are computed as one batch.
   * First what stands in the sequence, then what is added behind layer 0, 1, …
   */
  *forwardInPieces(pictures: readonly ImageInput[]): Work<Tensor[]> {
    const images = pictures as readonly QwenImageInput[]
    if (images.length === 0) return []
    const { last, deepstack } = yield* this.tower.forwardInPieces(images)
    const tokens = images.map(({ grid }) => this.tokens(grid))
    const added = this.#config.deepstackLayers.map((layer, i) => {
      const { hidden } = deepstack.find((one) => one.layer === layer) as (typeof deepstack)[number]
      return this.#deepstack[i].forward(hidden)
    })
    return cat([this.#merger.forward(last), ...added], 1).split(tokens)
  }

  /** Rows that a picture takes in the sequence. */
  tokens([frames, rows, columns]: Grid): number {
    return (frames * rows * columns) / this.#config.mergeSize ** 2
  }
}
