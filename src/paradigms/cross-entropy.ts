/** The head and the cross entropy at the rows that are learned, in float32 and without holding all logits at once. */

import type { LanguageModel } from "../models/types.js"
import { cat, checkpoint, crossEntropy, gradEnabled, type Tensor } from "../torch/index.js"
import { int64 } from "./prompt.js"

/** Logits held at a time; beyond, the head runs piece by piece and again in the backward pass. */
const MAXIMUM_LOGITS = 1 << 26

/** float64 stays: exactness is checked in it. */
const atLeastFloat32 = (x: Tensor): Tensor => (x.dtype === "float64" ? x : x.to("float32"))

/**
 * −log p(target) of each row, float32 [n].
 * @param hidden [n, H], after the final norm
 * @param targets n ids
 * @param look is shown the logits of all rows, some rows at a time
 */
export function tokenCrossEntropy(
  model: LanguageModel,
  hidden: Tensor,
  targets: ArrayLike<number>,
  look?: (logits: Tensor) => void,
): Tensor {
  const wanted = int64(targets, hidden.device)
  const piece = (rows: Tensor, ids: Tensor): Tensor => {
    const logits = atLeastFloat32(model.logits(rows))
    look?.(logits)
    return crossEntropy(logits, ids, "none")
  }
  const size = Math.max(1, Math.floor(MAXIMUM_LOGITS / model.vocabSize))
  if (targets.length <= size) return piece(hidden, wanted)
  const ids = wanted.split(size)
  return cat(
    hidden.split(size).map((rows, i) => {
      const body = (rows: Tensor): Tensor => piece(rows, ids[i])
      return gradEnabled() ? checkpoint([rows], body) : body(rows)
    }),
  )
}

/** 0 as a loss of a batch with nothing to learn: a backward pass gives zero gradients. */
export function zeroLoss(model: LanguageModel): Tensor {
  return atLeastFloat32(model.embed(Int32Array.of(0)))
    .sum()
    .mul(0)
}
