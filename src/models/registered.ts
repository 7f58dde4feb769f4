/** The families that are known, whoever made them known. Families look here for the language model inside them. */

import type { ModelConfig } from "../checkpoint/config.js"
import { Registry } from "../registry.js"
import type { Architecture } from "./architecture.js"

const families = new Registry<Architecture>("family")

/** Makes a family known. */
export const registerArchitecture = (architecture: Architecture): void => families.register(architecture)

/** All of them, in the order in which they were made known. */
export const architectures = (): Architecture[] => families.all()

/** The family that a model_type of config.json means. */
export const architectureOfType = (type: unknown): Architecture | undefined => families.ofType(type)

/** The architecture of a configuration. */
export const architectureOf = ({ family }: Pick<ModelConfig, "family">): Architecture => families.named(family)
