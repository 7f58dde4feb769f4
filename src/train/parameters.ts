/** Which weights are trained, and how: parts of the model, learning rates, decay. */

import { UserError } from "../errors.js"
import type { Model } from "../models/registry.js"
import type { TrainingConfig } from "./config.js"
import type { Parameter } from "./optimizer.js"

const PARTS: [prefix: string, part: "vision" | "projector"][] = [
  ["model.vision_tower.", "vision"],
  ["model.mm_projector.", "projector"],
]

function partOf(name: string): "vision" | "projector" | "language" {
  return PARTS.find(([prefix]) => name.startsWith(prefix))?.[1] ?? "language"
}

/**
 * Parameter groups as the authors build them: norms and biases without decay, parts with their own rates.
 * @throws UserError when the model has none of the parts that are to be trained
 */
export function groupParameters(model: Model, { train }: TrainingConfig): Parameter[] {
  const rates = { vision: train.vision_learning_rate, projector: train.projector_learning_rate, language: undefined }
  const parameters: Parameter[] = []
  for (const [name, tensor] of model.parameters()) {
    const part = partOf(name)
    const tunable = train.tunable.includes(part)
    tensor.requiresGrad_(tunable)
    if (!tunable) continue
    const decays = tensor.rank > 1
    parameters.push({
      name,
      tensor,
      learningRate: rates[part] ?? train.learning_rate,
      weightDecay: decays ? train.weight_decay : 0,
    })
  }
  if (parameters.length === 0)
    throw new UserError(`nothing would be trained: the model has no weights of ${train.tunable.join(" or ")}`, {
      fix: "name a part that the model has in train.tunable, such as language",
    })
  return parameters
}
