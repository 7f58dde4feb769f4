/** The model that a recipe with `vision` puts together, for a look at its data: where its parts are here, nothing is downloaded. */

import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { localCopy } from "../hub/local-copy.js"
import type { TrainingConfig } from "../train/recipe/config.js"
import { openStart } from "../train/run/start.js"

/**
 * Writes connector and tokenizer into a folder of its own.
 * @returns the folder of the model and what takes it away; undefined where a part is not on this machine
 * @throws UserError for parts that do not fit together
 */
export async function composedHere(
  config: TrainingConfig,
): Promise<{ folder: string; remove: () => void } | undefined> {
  const { vision } = config
  const [model, tower] = [config.model, vision?.tower].map((name) =>
    name === undefined || existsSync(name) ? name : localCopy(name),
  )
  if (vision === undefined || model === undefined || tower === undefined) return undefined
  const output = mkdtempSync(join(tmpdir(), "diffusionvl-"))
  const remove = (): void => rmSync(output, { recursive: true })
  try {
    const start = await openStart({ ...config, model, vision: { ...vision, tower }, output }, {})
    return { folder: (await start.inFolder()).folder, remove }
  } catch (error) {
    remove()
    throw error
  }
}
