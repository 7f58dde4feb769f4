/** Which weights are trained, and how: parts of the model, learning rates, decay. */

import { UserError } from "../../errors.js"
import type { Tensor } from "../../torch/index.js"
import type { Parameter } from "../optimizer.js"
import type { TrainingConfig } from "./config.js"

const PARTS: [prefix: string, part: "vision" | "projector"][] = [
  ["model.vision_tower.", "vision"],
  ["model.mm_projector.", "projector"],
]

/** Which part of `train.tunable` a parameter belongs to, by its name in a model. */
export function partOf(name: string): "vision" | "projector" | "language" {
  return PARTS.find(([prefix]) => name.startsWith(prefix))?.[1] ?? "language"
}

/**
 * Parameter groups as the authors build them: norms and biases without decay, parts with their own rates.
 * @param learned by canonical names
 */
export function groupParameters(learned: ReadonlyMap<string, Tensor>, { train }: TrainingConfig): Parameter[] {
  const rates = { vision: train.vision_learning_rate, projector: train.projector_learning_rate, language: undefined }
  return [...learned].map(([name, tensor]) => ({
    name,
    tensor,
    learningRate: rates[partOf(name)] ?? train.learning_rate,
    weightDecay: tensor.rank > 1 ? train.weight_decay : 0,
  }))
}

/** Whether a weight belongs to a part that is trained. */
export const isTunable = ({ train }: TrainingConfig, name: string): boolean => train.tunable.includes(partOf(name))

/** @throws UserError when none of the weights belongs to a part that is trained */
export function requireTunable(config: TrainingConfig, names: Iterable<string>): void {
  if (![...names].some((name) => isTunable(config, name))) throw nothingToTrain(config)
}

/** What is said where a recipe trains no part that the model has. */
export function nothingToTrain({ train }: TrainingConfig): UserError {
  return new UserError(`nothing would be trained: the model has no weights of ${train.tunable.join(" or ")}`, {
    fix: "name a part that the model has in train.tunable, such as language",
  })
}
