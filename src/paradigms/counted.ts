/** An objective as a sum and what it is a sum over: the trainer divides, over all micro-batches of a step. */

import type { Tensor } from "../torch/index.js"
import type { Objective } from "./batch.js"

/**
 * What counts.
 *
 * samples: every sample alike, whatever its length (the authors).
 *
 * tokens: every labelled token alike.
 */
export type CountedBy = "samples" | "tokens"

export interface CountedObjective extends Omit<Objective, "loss"> {
  /** A scalar to go backward from: 0 when the batch has nothing to learn. The loss is `sum / count`. */
  sum: Tensor
  count: number
}
