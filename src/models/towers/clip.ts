/** CLIP's vision tower: a class token before the patches, a norm before the first layer, the post norm for that token alone. */

import type { TowerFamily } from "./tower.js"
import { Vit } from "./vit.js"
import { readVit, type VitConfig, writeVit } from "./vit-config.js"

const MODEL_TYPE = "clip_vision_model"

export const clip: TowerFamily<VitConfig> = {
  name: "clip",
  title: "CLIP",
  modelTypes: [MODEL_TYPE],
  trainedIn: ["clip"],
  usualLayer: -2,
  read: (json, place) =>
    readVit(json, place, {
      family: "clip",
      defaults: {
        hidden_size: 768,
        intermediate_size: 3072,
        num_hidden_layers: 12,
        num_attention_heads: 12,
        image_size: 224,
        patch_size: 32,
        hidden_act: "quick_gelu",
        layer_norm_eps: 1e-5,
      },
      classToken: true,
      preNorm: true,
      head: () => false,
    }),
  write: (config) => writeVit(config, MODEL_TYPE),
  layout: {
    rules: [{ stored: "vision_model.*", canonical: "vision_model.*" }],
    ignored: [
      "vision_model.embeddings.position_ids", // a buffer that old programs saved
      "text_model.*",
      "text_projection.*",
      "visual_projection.*",
      "logit_scale",
    ],
  },
  build: (config, selection, weights, dtype) => new Vit(config, selection, weights, dtype),
}
