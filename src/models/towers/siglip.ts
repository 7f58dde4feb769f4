/** SigLIP's vision tower, SigLIP2's of fixed resolution, which is the same, and those of SmolVLM and Idefics3, which have no head. */

import type { TowerFamily } from "./tower.js"
import { Vit } from "./vit.js"
import { readVit, type VitConfig, type VitFacts, writeVit } from "./vit-config.js"

const DEFAULTS: VitFacts["defaults"] = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 16,
  hidden_act: "gelu_pytorch_tanh",
  layer_norm_eps: 1e-6,
}

const layout: TowerFamily["layout"] = {
  rules: [{ stored: "vision_model.*", canonical: "vision_model.*" }],
  ignored: [
    "vision_model.embeddings.position_ids", // a buffer that old programs saved
    "text_model.*",
    "logit_scale",
    "logit_bias",
  ],
}

export const siglip: TowerFamily<VitConfig> = {
  name: "siglip",
  title: "SigLIP",
  modelTypes: ["siglip_vision_model"],
  trainedIn: ["siglip"],
  usualLayer: -2,
  read: (json, place) =>
    readVit(json, place, {
      family: "siglip",
      defaults: DEFAULTS,
      classToken: false,
      preNorm: false,
      head: ({ vision_use_head: use }) => use !== false,
    }),
  write: (config) => writeVit(config, "siglip_vision_model"),
  layout,
  build: (config, selection, weights, dtype) => new Vit(config, selection, weights, dtype),
}

export const idefics3: TowerFamily<VitConfig> = {
  name: "idefics3",
  title: "SigLIP of Idefics3 and SmolVLM",
  modelTypes: ["idefics3_vision", "smolvlm_vision", "idefics3"],
  usualLayer: -2,
  read: (json, place) =>
    readVit(json, place, {
      family: "idefics3",
      defaults: { ...DEFAULTS, hidden_size: 1152, num_attention_heads: 16, patch_size: 32 },
      classToken: false,
      preNorm: false,
      head: () => false,
    }),
  write: (config) => writeVit(config, "idefics3_vision"),
  layout,
  build: (config, selection, weights, dtype) => new Vit(config, selection, weights, dtype),
}

/**
 * The tower as the authors of DiffusionVL use it: without its last layer and its head, which their checkpoints do not
 * have. Its last hidden state is then the last but one of the published tower.
 */
export function withoutLastLayer(config: VitConfig): VitConfig {
  return { ...config, layers: config.layers - 1, hiddenStates: config.hiddenStates - 1, head: false }
}
