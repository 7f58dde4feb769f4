/** Block sizes to train with (paper, table 4): the same start, data and settings, decoded with as many steps as a block has tokens. */

import { closeSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openDataFile } from "../../data/json-array.js"
import { UserError } from "../../errors.js"
import type { ResolveOptions } from "../../hub/resolve.js"
import { checkOptions } from "../../paradigms/check-options.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { sectionKey } from "../../paradigms/paradigm.js"
import { chosenParadigm, type TrainingConfig } from "../../train/recipe/config.js"
import type { Override } from "../../train/recipe/overrides.js"
import { readTrainingRecipe } from "../../train/recipe/plan.js"
import { prepare } from "../../train/run/prepare.js"
import { openStart } from "../../train/run/start.js"
import { finishedModel } from "../../train/trainer.js"
import type { Plan, Variant } from "./plan.js"

export interface BlockSizeOptions {
  /** File of a training recipe, and keys that win over it: "train.max_steps=100". */
  recipe: string
  set?: readonly Override[]
  sizes: readonly number[]
  /** Of an answer, at most. @default as the tasks say */
  maxTokens?: number
  /** The model of each size is trained in a folder of this one. */
  out: string
}

/**
 * @throws UserError when the recipe trains no blocks, or none of one of the sizes
 */
export function planBlockSizes({ recipe, set = [], sizes, maxTokens, out }: BlockSizeOptions): Plan {
  const { paradigm, section } = chosenParadigm(readTrainingRecipe(recipe, set))
  if (!("block_size" in section))
    throw new UserError(`the recipe trains ${paradigm.noun}, which has no block size`, {
      where: recipe,
      fix: "set the paradigm to one that is trained in blocks",
    })
  const variants = sizes.map((size): Variant => {
    const key = `block-${size}`
    const keys = [
      { key: `${sectionKey(paradigm.name)}.block_size`, value: size, option: "--sizes" },
      { key: "output", value: join(out, key), option: "--out" },
    ]
    const training = readTrainingRecipe(recipe, [...set, ...keys])
    return {
      key,
      curve: "block sizes",
      label: `D ${size}`,
      cells: [String(size)],
      model: finishedModel(training.output),
      training,
      decoding: { blockSize: size, steps: size, ...(maxTokens !== undefined && { maxTokens }) },
    }
  })
  return {
    title: "Block sizes",
    text: "Each model is trained with another block size, from the same start with the same data, and decodes with as many steps as a block has tokens: one token a forward.",
    columns: ["block size"],
    variants,
  }
}

/**
 * What would be found out after the training began to write, or when it is done.
 * @param decoding how the model is to be decoded
 * @returns whether it can see
 * @throws UserError when model or data are not there, or do not fit, or the model cannot be decoded so
 */
export async function requireTrainable(
  config: TrainingConfig,
  decoding: DecodingOptions,
  options: ResolveOptions = {},
): Promise<boolean> {
  const start = await openStart(config, options)
  // Of parts that are put together the connector alone is written.
  const draft = mkdtempSync(join(tmpdir(), "diffusionvl-start-"))
  try {
    const { folder } = await start.inFolder(join(draft, "model"))
    const { target, images } = prepare(config, { folder, made: start.made })
    const { paradigm } = chosenParadigm(config)
    checkOptions({ name: config.model, paradigm, maxPositions: target.text.maxPositions }, decoding)
    closeSync(openDataFile(config.data.file))
    return images !== undefined
  } finally {
    rmSync(draft, { recursive: true })
  }
}
