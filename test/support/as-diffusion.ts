/** The configuration of a model as that of a block-diffusion model: what it records already, and what is given. */

import type { ModelConfig } from "../../src/checkpoint/config.js"
import type { Json } from "../../src/checkpoint/json.js"
import type { PixelLimits } from "../../src/models/architecture.js"
import { blockDiffusion } from "../../src/paradigms/block-diffusion/paradigm.js"
import { asParadigm } from "../../src/paradigms/translate.js"

export function asDiffusion(
  config: ModelConfig,
  { record, image }: { record?: Json; image?: PixelLimits } = {},
): ModelConfig {
  const { name, options } = config.paradigm
  const recorded = { ...blockDiffusion.record(), ...(name === blockDiffusion.name && options), ...record }
  return asParadigm(config, blockDiffusion, { recorded, image })
}
