/** A language model with a tower of square tiles: what the families of such models build. */

import type { ModelConfig } from "../../checkpoint/config.js"
import type { DType } from "../../torch/index.js"
import { buildLanguage, type OuterConfig } from "../language-inside.js"
import type { WeightSource } from "../weight-source.js"
import { TiledVision, type TiledVisionConfig } from "./tiled-vision.js"
import { VisionLanguageModel } from "./vision-language-model.js"

export interface TiledConfig extends OuterConfig {
  vision: TiledVisionConfig
}

export const buildTiled = <C extends ModelConfig & Pick<TiledConfig, "language" | "vision">>(
  config: C,
  weights: WeightSource,
  dtype: DType,
): VisionLanguageModel<C, TiledVision> =>
  new VisionLanguageModel(
    config,
    buildLanguage(config, weights, dtype),
    new TiledVision(config.vision, weights, dtype),
    weights,
  )
