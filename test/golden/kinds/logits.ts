/** Golden cases of language models: logits, their log-sum-exp, the best tokens, positions and the autoregressive loss. */

import type { Model } from "../../../src/models/registry.js"
import { type AttentionPattern, bidirectional, blockCausal, causal } from "../../../src/nn/attention-pattern.js"
import { embedPrompt, int64 } from "../../../src/paradigms/prompt.js"
import { arange, cat, crossEntropy, noGrad, stack, type Tensor, tidy } from "../../../src/torch/index.js"
import { casesByModel } from "../by-model.js"
import { expectEqual, expectNear, expectTensorNear, Mismatch } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { type Grid, hasAxes, positionsOfPads, withImageRows } from "../image-pads.js"
import { recordsWith } from "../json.js"
import { modelPictures } from "../model-pictures.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { Recogniser } from "../types.js"

interface TextRecord {
  key: string
  model: string
  /** "ar", "ar batch, …", "block-causal" or "bidirectional". */
  kind: string
  columns_key: string
  D?: number
  /** Rows of each sample of a batch. */
  lengths?: number[]
  images?: string[] | null
  image_grid_thw?: Grid[] | null
  rope_delta?: number
  ar_loss?: number
}

export const recogniseLogits: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "model", "kind", "columns_key") as unknown[] as TextRecord[]
  return casesByModel("logits", records, folder, {
    id: ({ key }) => key,
    check: (record, model, named) => checkModel(record, model, named, document, folder),
  })
}

async function checkModel(
  record: TextRecord,
  model: Model,
  named: ShelfModel,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<void> {
  const stored = (name: string): Tensor => folder.tensor(`${record.key}.${name}`, document)
  const grids = record.image_grid_thw ?? []
  const images = await modelPictures(record, model, named, document, folder)
  noGrad(() =>
    tidy(() => {
      const ids = stored("input_ids")
      const batch = record.lengths ? ids.shape[0] : 1
      const width = ids.shape[ids.rank - 1]
      const rows = ids.view(batch, width)
      const features = model.encodeImages(images)
      const embeddings = Array.from({ length: batch }, (_, b) =>
        embedPrompt(model, { ids: withImageRows(rows.select(0, b).toNumbers(), model), features }),
      )
      const lengths = record.lengths ?? [width]
      const hidden = model.forward({
        embeddings: stack(embeddings),
        positions: positionsOf(record, rows, grids, model, stored),
        patterns: lengths.map((length) => patternOf(record, length)),
      })
      lengths.forEach((length, b) => {
        const logits = model.logits(hidden.select(0, b).narrow(0, 0, length))
        const own = (name: string): Tensor =>
          record.lengths ? stored(name).select(0, b).narrow(0, 0, length) : stored(name)
        checkLogits(logits, own, folder.tensor(record.columns_key, document))
        if (record.ar_loss !== undefined) checkLoss(logits, own("labels"), record.ar_loss)
      })
    }),
  )
}

function patternOf({ kind, D }: TextRecord, length: number): AttentionPattern {
  if (kind.startsWith("ar")) return causal(length)
  if (kind === "bidirectional") return bidirectional(length)
  if (kind === "block-causal" && D !== undefined) return blockCausal(length, D)
  throw new Mismatch(`no attention is known for "${kind}"`)
}

/** Row numbers; the autoregressive Qwen2.5-VL has three axes, compared with the stored ones on the way. */
function positionsOf(
  record: TextRecord,
  ids: Tensor,
  grids: readonly Grid[],
  model: Model,
  stored: (name: string) => Tensor,
): Tensor {
  const [batch, width] = ids.shape
  if (!record.kind.startsWith("ar") || !hasAxes(model) || record.lengths)
    return cat(Array.from({ length: batch }, () => arange(0, width).unsqueeze(0)))
  const { axes, delta } = positionsOfPads(ids.toNumbers(), grids, model)
  if (record.rope_delta !== undefined) expectEqual(delta, record.rope_delta, "rope delta")
  for (const [i, axis] of axes.entries())
    expectEqual(axis, stored("position_ids").select(0, i).toNumbers(), `positions, axis ${i}`)
  return int64(
    axes.flatMap((axis) => [...axis]),
    "cpu",
    [3, 1, width],
  )
}

function checkLogits(logits: Tensor, stored: (name: string) => Tensor, columns: Tensor): void {
  expectTensorNear(logits.indexSelect(1, columns), stored("logits_cols"), TOLERANCES.logits, "logits")
  expectTensorNear(logits.logsumexp([1]), stored("lse"), TOLERANCES.logits, "log-sum-exp")
  const [best, gaps] = [logits.argmax(-1).toNumbers(), stored("top2_gap").toNumbers()]
  stored("argmax")
    .toNumbers()
    .forEach((id, row) => {
      if (gaps[row] > TOLERANCES.decidedGap) expectEqual(best[row], id, `best token of row ${row}`)
    })
}

/** Row i predicts label i + 1. */
function checkLoss(logits: Tensor, labels: Tensor, expected: number): void {
  const rows = logits.shape[0] - 1
  const loss = crossEntropy(logits.narrow(0, 0, rows), labels.narrow(0, 1, rows).to("int64")).item()
  expectNear(loss, expected, TOLERANCES.loss * Math.abs(expected), "loss")
}
