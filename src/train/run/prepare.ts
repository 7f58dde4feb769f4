/** What a training reads beside weights. What cannot be right is said here, before anything is loaded, downloaded or trained. */

import type { ModelConfig } from "../../checkpoint/config.js"
import { UserError } from "../../errors.js"
import type { AdapterPlan } from "../../models/adapters/adapter-plan.js"
import type { ImageProcessor } from "../../models/architecture.js"
import { chatFormatOf } from "../../models/chat-format.js"
import { readConfig } from "../../models/read-config.js"
import { architectureOf, expectedTensors } from "../../models/registry.js"
import { requireConfigTokens } from "../../models/token-ids.js"
import { imageProcessorOf } from "../../models/vision/images.js"
import { RecordingWeights } from "../../models/weight-source.js"
import type { ChatFormat } from "../../text/conversation.js"
import { Tokenizer } from "../../text/tokenizer/tokenizer.js"
import type { TrainingConfig } from "../recipe/config.js"
import { planLora } from "../recipe/lora.js"
import { targetConfig } from "../recipe/paradigm.js"
import { requireTunable } from "../recipe/parameters.js"
import { pictureOptions } from "../recipe/pictures.js"

export interface Prepared {
  /** Configuration of what comes out. */
  target: ModelConfig
  tokenizer: Tokenizer
  /** Absent for a model that reads text only. */
  images: ImageProcessor | undefined
  format: ChatFormat
  /** With `lora`: what is learned beside the model. */
  adapter?: AdapterPlan
}

export interface PreparedFrom {
  /** With tokenizer, template and settings of pictures. */
  folder: string
  /** Configuration of the model, where it is another one than the folder's: that of a stage which is not done yet. */
  before?: ModelConfig
  /** Weights of the model that nothing has learned yet. */
  made: readonly string[]
}

/** @throws UserError when recipe and model do not fit, or nothing would be learned */
export function prepare(config: TrainingConfig, { folder, made, before = readConfig(folder) }: PreparedFrom): Prepared {
  const tokenizer = Tokenizer.load(folder)
  requireConfigTokens(readConfig(folder), tokenizer, folder)
  const target = targetConfig(before, config, (id) => tokenizer.token(id))
  const { min_pixels: minPixels, max_pixels: maxPixels } = config.data
  const images = imageProcessorOf(target, folder, { minPixels, maxPixels })
  pictureOptions(config.data, images)
  if (!config.lora) requireTunable(config, expectedTensors(target).keys())
  const adapter = config.lora && planLora(config, { made, before, target })
  if (config.data.feature_cache !== undefined) requireKeptFeatures(target, adapter)
  const format = config.data.format === "captions" ? "llada_plain" : chatFormatOf(target, folder, tokenizer)
  return { target, tokenizer, images, format, ...(adapter && { adapter }) }
}

/** That a tower does not learn with all its weights, or by adapters beside them, the recipe's schema has seen. */
function requireKeptFeatures(target: ModelConfig, adapter: AdapterPlan | undefined): void {
  const where = "data.feature_cache"
  const { featureSource } = architectureOf(target).build(target, new RecordingWeights(), "float32")
  if (!featureSource)
    throw new UserError("the model has no tower of square tiles, whose features could be kept", {
      where,
      fix: "leave it out: the features of this model are not kept",
    })
  if (adapter?.saved.some((name) => featureSource.weights.has(name)))
    throw new UserError("the tower learns: what it gives changes with every step", {
      where,
      fix: "leave it out, or the tower out of lora.modules_to_save",
    })
}
