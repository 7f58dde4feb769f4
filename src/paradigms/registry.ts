/** The paradigms, a line each. */

import type { ModelConfig } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { Registry } from "../registry.js"
import { autoregressive } from "./autoregressive/paradigm.js"
import { blockDiffusion } from "./block-diffusion/paradigm.js"
import type { BlockDiffusionRecipe } from "./block-diffusion/recipe.js"
import { fullDiffusion } from "./full-diffusion/paradigm.js"
import type { FullDiffusionRecipe } from "./full-diffusion/recipe.js"
import type { Paradigm } from "./paradigm.js"

// biome-ignore lint/suspicious/noExplicitAny: each has its own recipe and settings, which only it looks into
export type AnyParadigm = Paradigm<any, any>

const known = new Registry<AnyParadigm>("paradigm", [autoregressive, blockDiffusion, fullDiffusion])

/** The sections of a training recipe, by key. One that is added declares its own here. */
export interface ParadigmSections {
  autoregressive: Record<string, never>
  block_diffusion: BlockDiffusionRecipe
  full_diffusion: FullDiffusionRecipe
}

/** Makes a paradigm known to recipes, model folders and decoding. */
export const registerParadigm = (paradigm: AnyParadigm): void => known.register(paradigm)

/** All of them, in the order in which they were made known. */
export const paradigms = (): AnyParadigm[] => known.all()

/** What a recipe trains when it does not say: what translating means. */
export const DEFAULT_PARADIGM = blockDiffusion.name

/** @throws UserError when there is none of this name */
export function paradigmNamed(name: string, where?: string): AnyParadigm {
  const found = known.find(name)
  if (!found)
    throw new UserError(`there is no paradigm ${shown(name)}`, {
      where,
      fix: `it can be ${known.names().join(", ")}`,
    })
  return found
}

/**
 * How a model was last trained.
 * @throws UserError for a record that cannot be right
 */
export function paradigmOf(config: ModelConfig, where?: string): AnyParadigm {
  const paradigm = paradigmNamed(config.paradigm.name, where)
  paradigm.check(config, where)
  return paradigm
}
