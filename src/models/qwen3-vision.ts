/** Qwen3-VL's tower with its mergers: pictures → rows of the sequence, and what DeepStack adds to the first layers there. */

import { finish, type Work } from "../in-turns.js"
import type { DType, Tensor } from "../torch/index.js"
import { Qwen3Merger } from "./connectors/qwen3-merger.js"
import type { QwenImageInput } from "./qwen2_5-vision.js"
import type { Grid } from "./qwen2_5-vision-layout.js"
import { Qwen3Tower } from "./towers/qwen3.js"
import type { Qwen3VisionConfig } from "./towers/qwen3-config.js"
import { VISION_WEIGHTS } from "./vision-weights.js"
import type { WeightSource } from "./weight-source.js"

/** What a picture contributes to the sequence. */
export interface DeepFeatures {
  /** [tokens, H] */
  rows: Tensor
  /** [tokens, H] each: the i-th is added to the picture's hidden states behind layer i of the language model. */
  deepstack: Tensor[]
}

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
  forward(images: readonly QwenImageInput[]): DeepFeatures[] {
    return finish(this.forwardInPieces(images))
  }

  /** Features of each picture, rows in raster order; the pictures are computed as one batch. */
  *forwardInPieces(images: readonly QwenImageInput[]): Work<DeepFeatures[]> {
    if (images.length === 0) return []
    const { last, deepstack } = yield* this.tower.forwardInPieces(images)
    const tokens = images.map(({ grid }) => this.tokens(grid))
    const rows = this.#merger.forward(last).split(tokens)
    const added = deepstack.map(({ layer, hidden }) => {
      const merger = this.#deepstack[this.#config.deepstackLayers.indexOf(layer)]
      return merger.forward(hidden).split(tokens)
    })
    return rows.map((own, i) => ({ rows: own, deepstack: added.map((features) => features[i]) }))
  }

  /** Rows that a picture takes in the sequence. */
  tokens([frames, rows, columns]: Grid): number {
    return (frames * rows * columns) / this.#config.mergeSize ** 2
  }
}
