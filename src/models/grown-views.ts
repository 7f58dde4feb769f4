/** The tensors of a model whose vocabulary has grown, without loading them. */

import { EMBEDDING, HEAD } from "../checkpoint/checkpoint.js"
import type { ModelConfig } from "../checkpoint/config.js"
import { toFloat32 } from "../checkpoint/element-types.js"
import { joinOf, readView, type TensorView } from "../checkpoint/tensor-view.js"
import { tensor } from "../torch/index.js"
import { tensorBytes } from "./save.js"

/** The tensors of a model, embedding and head with as many rows as its configuration says by now. */
export const grownViews = ({
  config,
  tensors,
}: {
  config: ModelConfig
  tensors: ReadonlyMap<string, TensorView>
}): [string, TensorView][] =>
  [...tensors].map(([name, view]) =>
    name === EMBEDDING || name === HEAD ? [name, withMeanRows(view, config.text.vocabSize)] : [name, view],
  )

/** New tokens begin as the mean of the others. */
export function withMeanRows(matrix: TensorView, rows: number): TensorView {
  const [known, width] = matrix.shape
  if (known === rows) return matrix
  const row = (): Uint8Array => {
    const sums = new Float64Array(width)
    let element = 0
    // Pieces may end inside a row, but in no element.
    for (const piece of readView(matrix))
      for (const value of toFloat32(piece, matrix.dtype)) sums[element++ % width] += value
    return tensorBytes(tensor(Float32Array.from(sums, (sum) => sum / known)).to(matrix.dtype))
  }
  const added = Array.from({ length: rows - known }, () => ({ dtype: matrix.dtype, shape: [1, width], data: row }))
  return joinOf([matrix, ...added], 0)
}
