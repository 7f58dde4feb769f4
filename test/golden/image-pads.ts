/** Sequences as Hugging Face stores them, one image_pad id per image row, in the forms our models take. */

import { DIFFUSION_IMAGE } from "../../src/image/processors/qwen.js"
import type { PixelLimits } from "../../src/models/architecture.js"
import { type MropePositions, mropePositions } from "../../src/models/decoder/mrope-positions.js"
import type { Qwen25VL } from "../../src/models/families/qwen2_5_vl.js"
import type { Qwen3VlConfig } from "../../src/models/families/qwen3_vl.js"
import type { Model } from "../../src/models/registry.js"
import { IMAGE } from "../../src/text/conversation.js"
import { Mismatch } from "./check.js"

export type Grid = [number, number, number]

/** Ids of a prompt: image rows are negative. */
export function withImageRows(ids: readonly number[], { config }: Model): Int32Array {
  return Int32Array.from(ids, (id) => (id === config.tokens.imagePad ? IMAGE : id))
}

const isQwenVl = (model: Model): model is Qwen25VL => model.config.family === "qwen2_5_vl"

/** A model whose golden cases tell the grids of pictures. */
export function qwenVl(model: Model): Qwen25VL {
  if (isQwenVl(model)) return model
  throw new Mismatch("the case shows pictures with grids, and its model is no Qwen2.5-VL")
}

/** Limits of a model's pictures, for cases that name none. */
export const limitsOf = (model: Model): PixelLimits => (isQwenVl(model) ? model.config.image : DIFFUSION_IMAGE)

/** Whether a model has positions on three axes. */
export const hasAxes = (model: Model): boolean =>
  model.config.family === "qwen3_vl" || (isQwenVl(model) && model.config.form === "qwen2_5_vl")

/** The autoregressive model's positions on three axes. */
export function positionsOfPads(ids: readonly number[], grids: readonly Grid[], model: Model): MropePositions {
  const config = model.config as Qwen25VL["config"] | Qwen3VlConfig
  const { mergeSize } = config.vision
  const slots: number[] = []
  let image = 0
  for (let row = 0; row < ids.length; row++) {
    const isImage = ids[row] === config.tokens.imagePad && image < grids.length
    slots.push(isImage ? IMAGE : ids[row])
    if (isImage) row += grids[image++].reduce((a, b) => a * b) / mergeSize ** 2 - 1
  }
  return mropePositions(slots, grids, mergeSize)
}
