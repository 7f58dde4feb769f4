/** Rows of several sequences behind one another, as they go into the model: one look-up of tokens, one list of positions. */

import type { LanguageModel } from "../models/types.js"
import { int64 } from "../paradigms/prompt.js"
import { cat, type Tensor } from "../torch/index.js"

/** Rows of one sequence. */
export interface SequenceRows {
  /** The first of them, [n, E], embedded before. */
  prompt: Tensor | undefined
  /** The tokens behind. */
  ids: Int32Array
  /** Of all of them: on one axis, or on three. */
  positions: readonly Int32Array[]
}

export interface PackedRows {
  /** [1, L, E] */
  embeddings: Tensor
  /** int64 [1, L], or [3, 1, L] where one of the sequences has three axes. */
  positions: Tensor
}

/** Sequences of one forward: L rows in all, in the order of the sequences. */
export function packRows(model: LanguageModel, sequences: readonly SequenceRows[]): PackedRows {
  const embeddings = embed(model, sequences).unsqueeze(0)
  // Tokens of a sequence without pictures stand at the same place on each axis.
  const axes = Math.max(...sequences.map(({ positions }) => positions.length))
  const length = embeddings.shape[1]
  const all = new Int32Array(axes * length)
  let at = 0
  for (let axis = 0; axis < axes; axis++) {
    for (const { positions } of sequences) {
      const places = positions[axis] ?? positions[0]
      all.set(places, at)
      at += places.length
    }
  }
  return { embeddings, positions: int64(all, embeddings.device, axes === 1 ? [1, length] : [axes, 1, length]) }
}

/** [L, E] */
function embed(model: LanguageModel, sequences: readonly SequenceRows[]): Tensor {
  const ids = new Int32Array(sequences.reduce((sum, one) => sum + one.ids.length, 0))
  const parts: Tensor[] = []
  let [end, taken] = [0, 0]
  for (const one of sequences) {
    ids.set(one.ids, end)
    end += one.ids.length
  }
  const tokens = ids.length > 0 ? model.embed(ids) : undefined
  const take = (until: number): void => {
    if (tokens && until > taken)
      parts.push(until - taken === ids.length ? tokens : tokens.narrow(0, taken, until - taken))
    taken = until
  }
  end = 0
  for (const { prompt, ids: own } of sequences) {
    if (prompt) {
      take(end)
      parts.push(prompt)
    }
    end += own.length
  }
  take(end)
  return cat(parts)
}
