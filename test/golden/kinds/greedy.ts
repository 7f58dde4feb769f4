/** Golden cases of autoregressive decoding: greedy answers of Hugging Face's generate. */

import type { Model } from "../../../src/models/registry.js"
import { noGrad } from "../../../src/torch/index.js"
import { decodeAutoregressive } from "../../support/decode.js"
import { casesByModel } from "../by-model.js"
import { expectEqual } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { type Grid, hasAxes, positionsOfPads, withImageRows } from "../image-pads.js"
import { recordsWith } from "../json.js"
import { modelPictures } from "../model-pictures.js"
import type { ShelfModel } from "../models.js"
import type { Recogniser } from "../types.js"

interface GreedyRecord {
  id: string
  model: string
  images?: string[] | null
  image_grid_thw?: Grid[] | null
  eos: number[]
  input_ids: number[]
  max_new_tokens: number
  /** With the end-of-sequence token, when one was produced. */
  new_ids: number[]
}

export const recogniseGreedy: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "input_ids", "new_ids", "max_new_tokens") as unknown[] as GreedyRecord[]
  return casesByModel("greedy decoding", records, folder, {
    id: ({ id }) => id,
    check: (record, model, named) => checkModel(record, model, named, document, folder),
  })
}

async function checkModel(
  record: GreedyRecord,
  model: Model,
  named: ShelfModel,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<void> {
  const grids = record.image_grid_thw ?? []
  const images = await modelPictures(record, model, named, document, folder)
  const prompt = {
    ids: withImageRows(record.input_ids, model),
    features: noGrad(() => model.encodeImages(images)),
    ...(hasAxes(model) && { positions: positionsOfPads(record.input_ids, grids, model) }),
  }
  const options = { eos: record.eos, genLength: record.max_new_tokens }
  for await (const event of decodeAutoregressive(model, prompt, options))
    if (event.type === "done") expectEqual(event.ids, record.new_ids, "answer")
}
