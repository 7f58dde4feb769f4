/** The model that a training starts from: a folder, a download, or parts that are put together. */

import { join } from "node:path"
import { isAdapter } from "../../checkpoint/adapter-files.js"
import { UserError } from "../../errors.js"
import { type ResolvedModel, type ResolveOptions, resolveModel } from "../../hub/resolve.js"
import { type ComposedModel, composeModel } from "../../models/compose/compose.js"
import { saveParts } from "../../models/compose/save-composed.js"
import { resolveWhole } from "../../models/resolve.js"
import type { TrainingConfig } from "../recipe/config.js"

export interface StartingModel {
  /** What it is called, for people. */
  name: string
  /** Where its weights are: a folder or file, or those of parts. */
  weights: string | ComposedModel
  /** Its weights that nothing has learned yet, by canonical names. */
  made: readonly string[]
  /** The model in a folder; a composed one is written now, to the one that is named. @default `start` of the recipe's output */
  inFolder(folder?: string): Promise<ResolvedModel>
}

/** What a recipe names, found: all stages have the same. */
export interface FoundParts {
  model: ResolvedModel
  tower?: ResolvedModel
}

/** What the stage before has left: the model, or its connector, which is put between the recipe's parts. */
export type EarlierStage = { model: string } | { connector: string }

/** @throws UserError when a part is nowhere */
export async function findParts(
  { model, vision }: Pick<TrainingConfig, "model" | "vision">,
  options: ResolveOptions,
): Promise<FoundParts> {
  const found = await resolveWhole(model, options)
  if (!vision) return { model: found }
  return { model: found, tower: await resolveModel(vision.tower, { ...options, kind: "vision tower" }) }
}

/** @throws UserError for an adapter, which is no model to start from, and for parts that do not fit together */
export function startOf(
  { model, vision, output, train }: TrainingConfig,
  parts: FoundParts,
  earlier?: EarlierStage,
): StartingModel {
  if (earlier && "model" in earlier) return asItIs(earlier.model, { folder: earlier.model, source: "folder" })
  if (!vision) return asItIs(model, parts.model)
  const composed = composeModel({
    language: parts.model.folder,
    tower: parts.tower!.folder,
    names: { language: model, tower: vision.tower },
    connector: vision.connector,
    layout: vision.layout,
    layer: vision.layer,
    anyres: vision.anyres,
    imageToken: vision.image_token,
    seed: train.seed,
    connectorFrom: earlier?.connector,
  })
  return {
    name: `${model} with ${vision.tower}${earlier ? ` and the connector of ${earlier.connector}` : ""}`,
    weights: composed,
    made: composed.made,
    async inFolder(folder = join(output, "start")) {
      await saveParts(folder, composed, { replace: true })
      return { folder, source: "folder" }
    },
  }
}

function asItIs(name: string, found: ResolvedModel): StartingModel {
  const { folder } = found
  if (isAdapter(folder))
    throw new UserError("it is an adapter: a training starts from a whole model", {
      where: folder,
      fix: "merge it first: diffusionvl convert --merge",
    })
  return { name, weights: folder, made: [], inFolder: async () => found }
}

/** The model that a recipe by itself starts from. */
export const openStart = async (config: TrainingConfig, options: ResolveOptions): Promise<StartingModel> =>
  startOf(config, await findParts(config, options))
