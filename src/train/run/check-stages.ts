/** What a later stage would be refused for, found before the first one trains: that may take days. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { UserError } from "../../errors.js"
import { cutsAnew, type Stage } from "../recipe/plan.js"
import { type Prepared, type PreparedFrom, prepare } from "./prepare.js"
import { openData } from "./session.js"
import { type FoundParts, startOf } from "./start.js"
import { checkpointSteps } from "./state.js"

/**
 * Follows the model from stage to stage by its configuration alone, and draws the first batch of each later stage that has not begun.
 * @throws UserError saying which stage cannot be trained, and why
 */
export async function checkStages(stages: readonly Stage[], parts: FoundParts): Promise<void> {
  const draft = mkdtempSync(join(tmpdir(), "diffusionvl-stages-"))
  try {
    let model: PreparedFrom | undefined
    const known = new Set<string>()
    for (const [index, { name, config }] of stages.entries()) {
      try {
        if (!model || cutsAnew(stages, index)) {
          const start = startOf(config, parts)
          const { folder } = await start.inFolder(join(draft, String(index)))
          model = { folder, made: start.made.filter((weight) => !known.has(weight)) }
          for (const weight of start.made) known.add(weight)
        }
        const prepared = prepare(config, model)
        if (index > 0 && (await checkpointSteps(config.output)).length === 0) await drawFirst(config, prepared)
        model = { folder: model.folder, before: prepared.target, made: [] }
      } catch (error) {
        throw index === 0 ? error : ofStage(error, index, name)
      }
    }
  } finally {
    rmSync(draft, { recursive: true })
  }
}

async function drawFirst(config: Stage["config"], prepared: Prepared): Promise<void> {
  const data = openData(config, prepared)
  try {
    await data.batch(0, 0, 0)
  } finally {
    data.close()
  }
}

function ofStage(error: unknown, index: number, name: string): unknown {
  if (!(error instanceof UserError)) return error
  const { message, where, fix } = error
  return new UserError(`stage ${index + 1} (${name}) cannot be trained: ${message}`, { where, fix, cause: error })
}
