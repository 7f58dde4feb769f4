/** The recipe of one training of a run: a file, what was typed for it, and what the run itself decides. */

import { fileURLToPath } from "node:url"
import { UserError } from "../../src/errors.js"
import type { TrainingConfig } from "../../src/train/recipe/config.js"
import { readTrainingRecipe } from "../../src/train/recipe/plan.js"

export interface StageKeys {
  /** `key=value` of the run that --train may override. */
  usual?: readonly string[]
  /** What was typed as --train. */
  train: readonly string[]
  /** Only the run decides. */
  decided: readonly string[]
}

const keyOf = (override: string): string => override.split("=", 1)[0]

/** @throws UserError for a key that no recipe has, one that the run decides, or a value that cannot be */
export function stageRecipe(file: URL, { usual = [], train, decided }: StageKeys): TrainingConfig {
  const own = new Set(decided.map(keyOf))
  const taken = train.map(keyOf).find((key) => own.has(key))
  if (taken !== undefined)
    throw new UserError(`--train ${taken}: the run itself decides this key`, {
      where: fileURLToPath(file),
      fix: "leave it out; what --help lists and the keys for --set may change it",
    })
  try {
    return readTrainingRecipe(fileURLToPath(file), [...usual, ...train, ...decided])
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    // Nobody typed --set for this recipe.
    const { where, fix } = error
    throw new UserError(error.message.replaceAll("--set", "--train"), {
      where: where?.replace("--set", "--train"),
      fix,
      cause: error,
    })
  }
}
