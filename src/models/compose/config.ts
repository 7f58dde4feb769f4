/** config.json of a new vision-language model, as transformers' LLaVA and LLaVA-OneVision have it. */

import type { ModelConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import { paradigmJson } from "../../checkpoint/paradigm-record.js"
import { anyresMax } from "../../image/processors/anyres.js"
import { pinpointsFor } from "../../image/processors/tile-settings.js"
import { textConfig } from "../language-inside.js"
import { AUTOREGRESSIVE } from "../published-paradigms.js"
import { towerFamilyOf } from "../towers/registry.js"
import type { TiledVisionConfig } from "../vision/tiled-vision.js"

/**
 * @param language with as many rows as there are to be
 * @param image id of the token that stands for pictures
 */
export function composedConfig(language: ModelConfig, vision: TiledVisionConfig, image: number): Json {
  const family = towerFamilyOf(vision.tower)
  const tower = family.write(vision.tower)
  const { tower: _, selection, connector, merge } = vision
  const isAnyres = merge.type !== "flat"
  return {
    architectures: [isAnyres ? "LlavaOnevisionForConditionalGeneration" : "LlavaForConditionalGeneration"],
    model_type: isAnyres ? "llava_onevision" : "llava",
    image_token_index: image,
    projector_hidden_act: "gelu",
    multimodal_projector_bias: true,
    ...(connector.name !== "mlp2x_gelu" && { mm_projector_type: connector.name }),
    vision_feature_layer: selection.layers.length === 1 ? selection.layers[0] : selection.layers,
    vision_feature_select_strategy: selection.skipFirst ? "default" : "full",
    ...(isAnyres && {
      vision_aspect_ratio: anyresMax(merge.maxTiles!),
      image_grid_pinpoints: pinpointsFor(vision.tower.tileSize),
    }),
    tie_word_embeddings: language.text.tie,
    ...(language.tokens.mask !== undefined && { mask_token_id: language.tokens.mask }),
    ...paradigmJson(language.paradigm, AUTOREGRESSIVE.name),
    text_config: textConfig(language),
    vision_config: { ...tower, model_type: tower.model_type ?? family.modelTypes[0] },
  }
}
