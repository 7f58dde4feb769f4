/** A new model as the authors' code saves DVL-Qwen, LLaVA-Qwen and LLaDA-V: its own conversations, no token for pictures. */

import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { anyresMax } from "../../image/processors/anyres.js"
import { requireAuthorsPixels } from "../../image/processors/authors-settings.js"
import { pinpointsFor } from "../../image/processors/tile-settings.js"
import { inLlamaWords } from "../families/llada.js"
import { architectureOf } from "../registered.js"
import { towerFamilyOf } from "../towers/registry.js"
import { type FormOfModel, generationFile, type Ingredients } from "./form.js"
import { pictureFiles } from "./pictures.js"

/** By the family of the language model: what config.json calls the whole, and its class there. */
const FORMS: Record<string, { type: string; architecture: string }> = {
  qwen2: { type: "llava_qwen", architecture: "LlavaQwenForCausalLM" },
  llada: { type: "llava_llada", architecture: "LlavaLLaDAModelLM" },
}

/** Families of connectors that their code has. */
const CONNECTORS = ["linear", "mlp"]

/** @throws UserError for a language model, connector or token that the authors' code does not have, and for other pictures than it makes */
export function authorsForm({ text, tower, vision, options }: Ingredients): FormOfModel {
  const { folder, config } = text
  const refuse = (what: string): never => {
    throw new UserError(`${what} in the authors' form`, { where: folder, fix: "use the layout transformers" })
  }
  const form = FORMS[config.family] ?? refuse(`there is no ${architectureOf(config).title} model`)
  if (options.imageToken !== undefined) refuse("no token stands for pictures")
  if (!CONNECTORS.includes(vision.connector.family)) refuse(`there is no connector ${vision.connector.name}`)
  if (tower.config.family === "siglip" && vision.selection.layers[0] !== -2)
    refuse("SigLIP gives what its last layer but one makes, and no other layer,")
  requireAuthorsPixels(tower.folder, { imageSize: tower.config.tileSize })
  const { preprocessor } = pictureFiles(tower.folder, { ...vision, merge: { type: "flat" } }, "")
  const isAnyres = vision.merge.type !== "flat"
  const written = architectureOf(config).write(config, "float32")
  // Their code has LLaDA in Llama's words.
  const language: Json = written.d_model === undefined ? written : inLlamaWords(written, folder)
  const family = towerFamilyOf(tower.config)
  const described = family.write(tower.config)
  const raw: Json = {
    ...language,
    architectures: [form.architecture],
    model_type: form.type,
    mm_vision_tower: options.names?.tower ?? tower.folder,
    mm_projector_type: vision.connector.name,
    mm_hidden_size: vision.tower.hiddenSize * vision.selection.layers.length,
    mm_vision_select_layer: vision.selection.layers[0],
    mm_vision_select_feature: "patch",
    mm_patch_merge_type: isAnyres ? "spatial_unpad" : "flat",
    image_aspect_ratio: isAnyres ? anyresMax(vision.merge.maxTiles!) : "square",
    image_grid_pinpoints: isAnyres ? pinpointsFor(vision.tower.tileSize) : null,
    use_mm_proj: true,
    vision_config: { ...described, model_type: described.model_type ?? family.modelTypes[0] },
  }
  return {
    raw,
    files: new Map<string, Json | string>([
      ["preprocessor_config.json", preprocessor],
      ...generationFile(folder, config),
    ]),
  }
}
