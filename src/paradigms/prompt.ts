/** A prompt as decoders take it, and its embedding. Knows no paradigm. */

import type { MropePositions } from "../models/decoder/mrope-positions.js"
import type { LanguageModel } from "../models/types.js"
import { cat, type Device, type Tensor, tensor } from "../torch/index.js"

export interface Prompt {
  /** One id per row; negative on the rows of images. */
  ids: Int32Array
  /** What stands on the image rows, in order: [tokens, H] per image. */
  features?: readonly Tensor[]
  /** What these are known by: the same name, the same features. @default hashes of them */
  featureNames?: readonly string[]
  /** Positions on three axes, for models that use M-RoPE; row numbers if not given. */
  positions?: MropePositions
  /** Whose it is: what is kept of prompts is found only by those of the same salt. */
  cacheSalt?: string
}

/**
 * Rows [P, H] of a prompt.
 * @throws RangeError when the image rows and the features differ in number
 */
export function embedPrompt(model: LanguageModel, { ids, features = [] }: Prompt): Tensor {
  const imageRows = [...ids.keys()].filter((row) => ids[row] < 0)
  const given = features.reduce((sum, { shape }) => sum + shape[0], 0)
  if (given !== imageRows.length) throw new RangeError(`${given} image features for ${imageRows.length} image rows`)
  const embedded = model.embed(ids.map((id) => Math.max(0, id)))
  if (given === 0) return embedded
  return embedded.indexCopy(0, int64(imageRows, embedded.device), cat(features).to(embedded.dtype))
}

/**
 * Where rows of the prompt and of what follows it stand, on one axis, or on three with M-RoPE, where later rows count
 * on from the largest position.
 */
export function positionsOf({ positions }: Pick<Prompt, "positions">, rows: Int32Array): Int32Array[] {
  if (!positions) return [rows]
  const { axes, delta } = positions
  return axes.map((axis) => rows.map((row) => (row < axis.length ? axis[row] : row + delta)))
}

/** Rows [start, end). */
export const rowsFrom = (start: number, end: number): Int32Array =>
  Int32Array.from({ length: end - start }, (_, i) => start + i)

/** Integers as an int64 tensor. */
export function int64(values: ArrayLike<number>, device: Device, shape?: readonly number[]): Tensor {
  const wide = BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i]))
  return tensor(wide, shape).to({ device })
}
