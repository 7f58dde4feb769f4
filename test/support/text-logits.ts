/** Logits of twenty tokens, and how far two tensors are apart: for tests that compare models of small vocabularies. */

import type { Model } from "../../src/models/registry.js"
import { causal } from "../../src/nn/attention-pattern.js"
import { arange, noGrad, type Tensor } from "../../src/torch/index.js"

export const ids = Int32Array.from({ length: 20 }, (_, i) => (i * i * 5 + 3 * i + 7) % 48)

/** [20, V] */
export function logits(model: Model, pattern = causal(ids.length)): Tensor {
  const embeddings = model.embed(ids).unsqueeze(0)
  return noGrad(() =>
    model.logits(model.forward({ embeddings, positions: arange(0, 20).unsqueeze(0), patterns: [pattern] }).squeeze(0)),
  )
}

/** The largest difference of two elements. */
export const difference = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item()
