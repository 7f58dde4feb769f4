/** Where the rows of a prompt and of what follows it stand, as a model takes it. */

import { int64, type Prompt, positionsOf, rowsFrom } from "../../src/paradigms/prompt.js"
import type { Device, Tensor } from "../../src/torch/index.js"

/** Rows [start, end), as int64 [1, n], or [3, 1, n] with M-RoPE. */
export function promptPositions(prompt: Prompt, start: number, end: number, device: Device): Tensor {
  const axes = positionsOf(prompt, rowsFrom(start, end))
  const shape = axes.length === 1 ? [1, end - start] : [axes.length, 1, end - start]
  return int64(
    axes.flatMap((axis) => [...axis]),
    device,
    shape,
  )
}
