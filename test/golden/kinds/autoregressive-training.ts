/** Golden cases of autoregressive training on text: loss and norms of gradients. */

import type { Model } from "../../../src/models/registry.js"
import { autoregressiveObjective } from "../../../src/paradigms/autoregressive/objective.js"
import { meanLoss } from "../../../src/paradigms/batch.js"
import { tidy } from "../../../src/torch/index.js"
import { expectNear, Mismatch } from "../check.js"
import type { FixtureFolder } from "../folder.js"
import { has, recordsWith } from "../json.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureCase, FixtureGroup, Recogniser } from "../types.js"
import { checkNorm, gradientsOf } from "./training.js"

interface Record {
  key: string
  model: string
  input_ids?: number[]
  labels: number[]
  loss: number
  grad_l2: { [name: string]: number }
}

export const recogniseAutoregressiveTraining: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "kind", "labels", "loss", "grad_l2").filter(
    (record) => !has(record, "objective"),
  ) as unknown[] as Record[]
  const cases: FixtureCase[] = []
  const skipped: FixtureGroup[] = []
  for (const record of records) {
    const model = folder.models.named(record.model)
    if (model && !model.supported) skipped.push({ kind: `training, autoregressive, ${model.modelType}`, skipped: 1 })
    else cases.push({ id: record.key, run: () => checkRecord(record, model, folder) })
  }
  return records.length === 0 ? [] : [{ kind: "training, autoregressive", cases }, ...skipped]
}

async function checkRecord(record: Record, named: ShelfModel | undefined, folder: FixtureFolder): Promise<void> {
  if (!named) throw new Mismatch(`the folder has no model ${record.model}`)
  if (!record.input_ids) throw new Mismatch("the case has no input ids of its own")
  const ids = Int32Array.from(record.input_ids)
  await folder.models.checkEitherRounding(named, (model) => checkModel(record, ids, model))
}

function checkModel(record: Record, ids: Int32Array, model: Model): void {
  tidy(() => {
    const sample = { ids, labels: Int32Array.from(record.labels), images: [], imageIndices: [], where: record.key }
    const loss = meanLoss(autoregressiveObjective(model, { samples: [sample], images: [] }))
    expectNear(loss.item(), record.loss, TOLERANCES.loss * Math.abs(record.loss), "loss")
    const gradientOf = gradientsOf(model, loss)
    for (const [name, norm] of Object.entries(record.grad_l2)) checkNorm(gradientOf(name), norm, name)
  })
}
