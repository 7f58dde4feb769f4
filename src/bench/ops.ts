/** What calling an operator from JavaScript costs over the operator itself. */

import { noGrad, ones, operator, type Tensor } from "../torch/index.js"
import { median } from "./reference.js"

export interface OpsBenchRow {
  operator: string
  /** Nanoseconds per call: from JavaScript with its result's life and death, and in a native loop. */
  called: number
  bare: number
  overhead: number
}

const SMALL: [name: string, args: () => (Tensor | number)[]][] = [
  ["aten::add.Tensor", () => [ones([4]), ones([4])]],
  ["aten::mul.Scalar", () => [ones([4]), 2]],
  ["aten::view", () => [ones([4]), [2, 2] as unknown as number]],
  ["aten::silu", () => [ones([4])]],
]

export function benchOps(calls = 100_000, rounds = 5): OpsBenchRow[] {
  return noGrad(() =>
    SMALL.map(([name, make]) => {
      const op = operator(name)
      const args = make()
      const called: number[] = []
      const bare: number[] = []
      for (let round = 0; round <= rounds; round++) {
        const start = performance.now()
        for (let i = 0; i < calls; i++) op.call(...args)
        const seconds = (performance.now() - start) / 1000 / calls
        const native = op.costWithoutCrossing(calls, ...args)
        if (round === 0) continue
        called.push(1e9 * seconds)
        bare.push(1e9 * native)
      }
      return {
        operator: name,
        called: median(called),
        bare: median(bare),
        overhead: median(called.map((c, i) => c - bare[i])),
      }
    }),
  )
}
