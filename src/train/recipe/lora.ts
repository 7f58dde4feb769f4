/** What a recipe's `lora` means for a model: which layers get adapters, and what is learned whole. */

import type { ModelConfig } from "../../checkpoint/config.js"
import type { LoraSettings } from "../../checkpoint/peft-config.js"
import { type AdapterPlan, planAdapter } from "../../models/adapters/adapter-plan.js"
import { Modules } from "../../models/modules.js"
import { paradigmOf } from "../../paradigms/registry.js"
import { chosenParadigm, type TrainingConfig } from "./config.js"
import { isTunable, nothingToTrain } from "./parameters.js"

export interface LoraStart {
  /** Weights that nothing has learned yet, by canonical names. */
  made: readonly string[]
  /** Configuration of the model that is learned from, and of what comes out. */
  before: ModelConfig
  target: ModelConfig
}

/** @throws UserError when nothing would be learned, or the model cannot have such adapters */
export function planLora(config: TrainingConfig, { made, before, target }: LoraStart): AdapterPlan {
  const { rank, alpha = 2 * rank, rslora, dropout, target: layers, exclude, ...more } = config.lora!
  const settings: LoraSettings = {
    rank,
    alpha,
    dropout,
    rsLora: rslora,
    target: layers,
    ...(exclude && { exclude }),
    rankPattern: more.rank_pattern,
    alphaPattern: more.alpha_pattern,
    modulesToSave: more.modules_to_save,
    tokens: newTokens(config, before, target),
  }
  const plan = planAdapter(new Modules(before), settings, {
    isWanted: ({ layers: [{ layer }] }) => isTunable(config, `${layer}.`),
    // Adapters beside a new connector would leave it as random as it is.
    whole: made,
    where: "lora",
  })
  if (plan.lowRank.length === 0 && plan.saved.length === 0) throw nothingToTrain(config)
  return plan
}

/** The mask, where the model does not know it yet: adapters leave its row of the embedding as it is, and it would stay noise. */
function newTokens(config: TrainingConfig, before: ModelConfig, { tokens: { mask } }: ModelConfig): number[] {
  const knows = paradigmOf(before).masks && before.paradigm.options.enabled !== false
  return chosenParadigm(config).paradigm.masks && !knows && mask !== undefined ? [mask] : []
}
