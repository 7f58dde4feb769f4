/** The families that are known, whoever made them known. Families look here for the language model inside them. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { Architecture } from "./architecture.js"

const BY_NAME = new Map<string, Architecture>()

/** Makes a family known. */
export function registerArchitecture(architecture: Architecture): void {
  const { name, modelTypes } = architecture
  if (BY_NAME.has(name)) throw new RangeError(`there is a family ${name} already`)
  const taken = modelTypes.find((type) => architectureOfType(type))
  if (taken !== undefined) throw new RangeError(`there is a family for model_type ${taken} already`)
  BY_NAME.set(name, architecture)
}

/** All of them, in the order in which they were made known. */
export const architectures = (): Architecture[] => [...BY_NAME.values()]

/** The family that a model_type of config.json means. */
export const architectureOfType = (type: unknown): Architecture | undefined =>
  architectures().find(({ modelTypes }) => modelTypes.some((known) => known === type))

/** The architecture of a configuration. */
export function architectureOf({ family }: Pick<ModelConfig, "family">): Architecture {
  const found = BY_NAME.get(family)
  if (!found) throw new Error(`there is no family ${family}`)
  return found
}
