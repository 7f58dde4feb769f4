/** Golden cases of autoregressive training on text: loss and norms of gradients. */

import type { Model } from "../../../src/models/registry.js"
import { autoregressiveObjective } from "../../../src/paradigms/autoregressive/objective.js"
import { meanLoss } from "../../../src/paradigms/batch.js"
import { tidy } from "../../../src/torch/index.js"
import { casesByModel } from "../by-model.js"
import { expectNear, Mismatch } from "../check.js"
import { has, recordsWith } from "../json.js"
import { TOLERANCES } from "../tolerances.js"
import type { Recogniser } from "../types.js"
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
  return casesByModel("training, autoregressive", records, folder, { id: ({ key }) => key, check: checkRecord })
}

function checkRecord(record: Record, model: Model): void {
  if (!record.input_ids) throw new Mismatch("the case has no input ids of its own")
  const ids = Int32Array.from(record.input_ids)
  tidy(() => {
    const sample = { ids, labels: Int32Array.from(record.labels), images: [], where: record.key }
    const loss = meanLoss(autoregressiveObjective(model, { samples: [sample], images: [] }))
    expectNear(loss.item(), record.loss, TOLERANCES.loss * Math.abs(record.loss), "loss")
    const gradientOf = gradientsOf(model, loss)
    for (const [name, norm] of Object.entries(record.grad_l2)) checkNorm(gradientOf(name), norm, name)
  })
}
