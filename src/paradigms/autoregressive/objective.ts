/** The autoregressive objective: cross entropy of each labelled token given all before it, averaged over the batch. */

import type { VisionLanguageModel } from "../../models/types.js"
import { causal } from "../../nn/attention-pattern.js"
import { IGNORE } from "../../text/conversation.js"
import { crossEntropy, type Tensor, tensor } from "../../torch/index.js"
import { embedRows, type Objective, rowPositions, type TrainingBatch } from "../batch.js"

/**
 * Row i predicts token i + 1. Rows behind the last labelled token are left out, and only rows that predict a labelled
 * token get logits; both change nothing.
 * @param features of the batch's images in the model's space; encoded here if not given
 */
export function autoregressiveObjective(model: VisionLanguageModel, batch: TrainingBatch, features: readonly Tensor[] = model.encodeImages(batch.images)): Objective {
  const { samples } = batch
  const outputs = samples.map(({ labels }) => Int32Array.from(labels.keys()).filter((i) => i + 1 < labels.length && labels[i + 1] !== IGNORE))
  const used = samples.map((_, s) => s).filter((s) => outputs[s].length > 0)
  const tokens = outputs.reduce((sum, rows) => sum + rows.length, 0)
  if (used.length === 0) return { loss: null, metrics: { tokens, rows: 0 } }
  const chosen = used.map((s) => samples[s])
  const rows = used.map((s) => Array.from({ length: outputs[s][outputs[s].length - 1] + 1 }, (_, row) => ({ row })))
  const embeddings = embedRows(model, chosen, rows, features)
  const hidden = model.forward({
    embeddings,
    positions: rowPositions(chosen, rows).to({ device: embeddings.device }),
    patterns: rows.map((list) => causal(list.length)),
    outputRows: used.map((s) => outputs[s]),
  })
  const logits = model.logits(hidden).to("float32")
  const targets = used.flatMap((s) => Array.from(outputs[s], (i) => samples[s].labels[i + 1]))
  const loss = crossEntropy(logits, tensor(targets, undefined, { dtype: "int64" }).to({ device: logits.device }))
  return { loss, metrics: { tokens, rows: rows.reduce((sum, list) => sum + list.length, 0) } }
}
