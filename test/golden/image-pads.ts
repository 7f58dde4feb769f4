/** Sequences as Hugging Face stores them, one image_pad id per image row, in the forms our models take. */

import type { MropePositions } from "../../src/models/mrope-positions.js"
import { mropePositions } from "../../src/models/mrope-positions.js"
import type { Model } from "../../src/models/registry.js"
import { IMAGE } from "../../src/text/conversation.js"

export type Grid = [number, number, number]

/** Ids of a prompt: image rows are negative. */
export function withImageRows(ids: readonly number[], { config }: Model): Int32Array {
  return Int32Array.from(ids, (id) => (id === config.tokens.imagePad ? IMAGE : id))
}

/** The autoregressive model's positions on three axes. */
export function positionsOfPads(ids: readonly number[], grids: readonly Grid[], model: Model): MropePositions {
  const slots: number[] = []
  let image = 0
  for (let row = 0; row < ids.length; row++) {
    const isImage = ids[row] === model.config.tokens.imagePad && image < grids.length
    slots.push(isImage ? IMAGE : ids[row])
    if (isImage) row += model.imageTokens(grids[image++]) - 1
  }
  return mropePositions(slots, grids, model.config.vision.mergeSize)
}
