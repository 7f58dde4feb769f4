/** The tensors of a model whose vocabulary has grown, without loading them. */

import { EMBEDDING, HEAD } from "../checkpoint/checkpoint.js"
import { joinOf, type TensorView } from "../checkpoint/tensor-view.js"
import { noGrad, type Tensor, tidy, zeros } from "../torch/index.js"
import { MappedFiles } from "./mapped-files.js"
import { tensorBytes } from "./save.js"

/** The tensors of a model, embedding and head with so many rows. */
export const grownViews = (tensors: ReadonlyMap<string, TensorView>, rows: number): [string, TensorView][] =>
  [...tensors].map(([name, view]) => [name, name === EMBEDDING || name === HEAD ? withMeanRows(view, rows) : view])

/** New tokens begin as the mean of the others, as is usual: they are then neither likely nor far from what layers know. */
function withMeanRows(matrix: TensorView, rows: number): TensorView {
  const [known, width] = matrix.shape
  if (known === rows) return matrix
  const row = (): Uint8Array => tidy(() => tensorBytes(meanRow(new MappedFiles().tensor(matrix))))
  const added = Array.from({ length: rows - known }, () => ({ dtype: matrix.dtype, shape: [1, width], data: row }))
  return joinOf([matrix, ...added], 0)
}

/** Elements that are widened at a time. */
const AT_ONCE = 1 << 22

/** [rows, width] → their mean [1, width] in the same type: the same bits wherever new rows are made. */
export function meanRow(matrix: Tensor): Tensor {
  const [rows, width] = matrix.shape
  const step = Math.max(1, Math.floor(AT_ONCE / width))
  return noGrad(() =>
    tidy(() => {
      let sum = zeros([1, width], { dtype: "float64" })
      for (let start = 0; start < rows; start += step) {
        const part = matrix.narrow(0, start, Math.min(step, rows - start))
        const before = sum
        sum = tidy(() => before.add(part.to("float64").sum([0], true)))
      }
      return sum.div(rows).to(matrix.dtype)
    }),
  )
}
