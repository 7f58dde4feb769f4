/** Golden cases of autoregressive training, on text and pictures: loss and norms of gradients. */

import type { Model } from "../../../src/models/registry.js"
import { autoregressiveObjective } from "../../../src/paradigms/autoregressive/objective.js"
import { meanLoss } from "../../../src/paradigms/batch.js"
import type { ImageRun } from "../../../src/text/layout.js"
import { type Tensor, tidy } from "../../../src/torch/index.js"
import { casesByModel } from "../by-model.js"
import { expectNear, Mismatch } from "../check.js"
import type { FixtureFolder } from "../folder.js"
import { hasAxes, positionsOfPads, withImageRows } from "../image-pads.js"
import { has, recordsWith } from "../json.js"
import { modelPictures, type PicturesRecord } from "../model-pictures.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { Recogniser } from "../types.js"
import { checkNorms, gradientsOf } from "./training.js"

interface Record {
  key: string
  model: string
  input_ids?: number[]
  /** The text case with the inputs, where they are not here. */
  case?: string
  labels: number[]
  loss: number
  grad_l2: { [name: string]: number }
}

export const recogniseAutoregressiveTraining: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "kind", "labels", "loss", "grad_l2").filter(
    (record) => !has(record, "objective"),
  ) as unknown[] as Record[]
  return casesByModel("training, autoregressive", records, folder, {
    id: ({ key }) => key,
    check: (record, model, named) => checkRecord(record, model, named, folder),
  })
}

/** A record with its own ids, or those and the pictures of the text case that it names. */
async function inputOf(record: Record, model: Model, named: ShelfModel, folder: FixtureFolder) {
  if (record.input_ids) return { ids: Int32Array.from(record.input_ids), inputs: [] }
  for (const document of folder.documents) {
    const found = recordsWith(document.value, "key", "kind", "columns_key").find(({ key }) => key === record.case)
    if (!found) continue
    const ids = folder.tensor(`${record.case}.input_ids`, document).toNumbers()
    const inputs = await modelPictures(found, model, named, document, folder)
    const grids = (found as PicturesRecord).image_grid_thw ?? []
    const positions = hasAxes(model) ? positionsOfPads(ids, grids, model).axes : undefined
    return { ids: withImageRows(ids, model), inputs, positions }
  }
  throw new Mismatch("the case has no input ids, and names no text case that has")
}

async function checkRecord(record: Record, model: Model, named: ShelfModel, folder: FixtureFolder): Promise<void> {
  const { ids, inputs, positions } = await inputOf(record, model, named, folder)
  tidy(() => {
    const features = model.encodeImages(inputs)
    const images = runsOfImages(ids, features)
    const sample = { ids, labels: Int32Array.from(record.labels), images, positions, where: record.key }
    const loss = meanLoss(autoregressiveObjective(model, { samples: [sample], images: [] }, {}, features))
    expectNear(loss.item(), record.loss, TOLERANCES.loss * Math.abs(record.loss), "loss")
    checkNorms(record.grad_l2, gradientsOf(model, loss))
  })
}

/** Where the features of pictures stand: one after the other at the negative ids. */
function runsOfImages(ids: Int32Array, features: readonly Tensor[]): ImageRun[] {
  const places = [...ids.keys()].filter((i) => ids[i] < 0)
  let next = 0
  return features.flatMap(({ shape }, image) =>
    Array.from({ length: shape[0] }, (_, from) => ({ image, from, start: places[next++], count: 1 })),
  )
}
