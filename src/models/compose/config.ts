/** config.json of a new vision-language model, as transformers' LLaVA and LLaVA-OneVision have it. */

import type { ModelConfig } from "../../checkpoint/config.js"
import type { Json } from "../../checkpoint/json.js"
import { paradigmJson } from "../../checkpoint/paradigm-record.js"
import { anyresMax } from "../../image/anyres.js"
import { pinpointsFor } from "../../image/tile-settings.js"
import { AUTOREGRESSIVE } from "../published-paradigms.js"
import { architectureOf } from "../registered.js"
import type { TiledVisionConfig } from "../tiled-vision.js"
import { towerFamilyOf } from "../towers/registry.js"

/** What a text_config does not say: the whole model's, or only of use to the language model alone. */
const OUTER = ["diffusionvl", "dtype", "torch_dtype", "auto_map", "transformers_version", "_name_or_path"]

/**
 * @param language with as many rows as there are to be
 * @param image id of the token that stands for pictures
 */
export function composedConfig(language: ModelConfig, vision: TiledVisionConfig, image: number): Json {
  const family = towerFamilyOf(vision.tower)
  const tower = family.write(vision.tower)
  const text = architectureOf(language).write(language, "float32")
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
    text_config: {
      ...Object.fromEntries(Object.entries(text).filter(([key]) => !OUTER.includes(key))),
      model_type: text.model_type ?? architectureOf(language).modelTypes[0],
      tie_word_embeddings: language.text.tie,
    },
    vision_config: { ...tower, model_type: tower.model_type ?? family.modelTypes[0] },
  }
}
