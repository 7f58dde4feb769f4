/** The model that a training starts from: a folder, a download, or parts that are put together. */

import { join } from "node:path"
import { type ResolvedModel, type ResolveOptions, resolveModel } from "../hub/resolve.js"
import { type ComposedModel, composeModel } from "../models/compose/compose.js"
import { saveParts } from "../models/compose/save-composed.js"
import { resolveWhole } from "../models/resolve.js"
import type { TrainingConfig } from "./config.js"

export interface StartingModel {
  /** What tells it from another one. */
  identified: string | ComposedModel
  /** Its weights that nothing has learned yet, by canonical names. */
  made: readonly string[]
  /** The model in a folder; a composed one is written now, to the one that is named. @default `start` of the recipe's output */
  place(folder?: string): Promise<ResolvedModel>
}

/** A stage of several: what the one before it left. */
export interface StageStart {
  /** The model itself. */
  from?: string
  /** A folder of its connector alone, which is put between the recipe's parts. */
  connectorFrom?: string
}

/** @throws UserError when a part is nowhere, or the parts do not fit together */
export async function openStart(
  { model, vision, output, train }: TrainingConfig,
  { from, connectorFrom, ...options }: ResolveOptions & StageStart,
): Promise<StartingModel> {
  if (from !== undefined) return at({ folder: from, source: "folder" })
  const language = await resolveWhole(model, options)
  if (!vision) return at(language)
  const tower = await resolveModel(vision.tower, options)
  const composed = composeModel({
    language: language.folder,
    tower: tower.folder,
    names: { language: model, tower: vision.tower },
    connector: vision.connector,
    layout: vision.layout,
    layer: vision.layer,
    anyres: vision.anyres,
    imageToken: vision.image_token,
    seed: train.seed,
    connectorFrom,
  })
  return {
    identified: composed,
    made: composed.made,
    async place(folder = join(output, "start")) {
      await saveParts(folder, composed, { replace: true })
      return { folder, source: "folder" }
    },
  }
}

const at = (found: ResolvedModel): StartingModel => ({
  identified: found.folder,
  made: [],
  place: async () => found,
})
