/** Rates of products of few rows: libtorch's linear against skinny_linear, over weights too many for the cache. */

import { type DType, linear, noGrad, randn, skinnyLinear, type Tensor, tidy } from "../torch/index.js"
import { median } from "./reference.js"

export interface LinearBenchOptions {
  /** [N, K] of the weights. @default those of a 135M model and of the 3B model */
  shapes?: readonly (readonly [number, number])[]
  /** Rounds; in each, every path runs once, so that a disturbance meets all of them. @default 5 */
  rounds?: number
  /** Seconds per path and round. @default 0.02 */
  seconds?: number
  signal?: AbortSignal
  onProgress?: (text: string) => void
}

/** 10⁹ weights per second, the median of the rounds, by the number of rows. */
export type LinearBenchRow = { what: string } & Partial<Record<`rows${number}`, number>>

export const LINEAR_ROWS = [1, 4, 8, 16, 32, 64, 128] as const

const SHAPES = [
  [576, 1536],
  [1536, 576],
  [2048, 2048],
  [11008, 2048],
  [2048, 11008],
] as const

/** Copies of a weight are used in turn until this many weights have passed. */
const UNCACHED = 48e6

interface Path {
  name: string
  weights: DType
  activations: DType
  run: (x: Tensor, weight: Tensor) => Tensor
}

const PATHS: readonly Path[] = [
  { name: "libtorch, float32", weights: "float32", activations: "float32", run: linear },
  { name: "libtorch, bfloat16", weights: "bfloat16", activations: "bfloat16", run: linear },
  { name: "skinny, float32", weights: "float32", activations: "float32", run: skinnyLinear },
  { name: "skinny, bfloat16 weights", weights: "bfloat16", activations: "float32", run: skinnyLinear },
]

export async function benchLinear(options: LinearBenchOptions = {}): Promise<LinearBenchRow[]> {
  const { shapes = SHAPES, rounds = 5, seconds = 0.02, signal, onProgress } = options
  const results: LinearBenchRow[] = []
  for (const [outputs, inputs] of shapes) {
    const shape = [outputs, inputs]
    const weights = new Map<DType, Tensor[]>()
    for (const { weights: dtype } of PATHS) if (!weights.has(dtype)) weights.set(dtype, copies(shape, dtype))
    const rates = PATHS.map(({ name }): LinearBenchRow => ({ what: `${outputs} × ${inputs}, ${name}` }))
    for (const rows of LINEAR_ROWS) {
      onProgress?.(`${outputs} × ${inputs}, ${rows} rows`)
      const times = PATHS.map((): number[] => [])
      for (let round = 0; round <= rounds; round++) {
        signal?.throwIfAborted()
        PATHS.forEach((path, i) => {
          const time = timeOf(path, rows, inputs, weights.get(path.weights)!, seconds)
          if (round > 0) times[i].push(time)
        })
        await new Promise((resolve) => setImmediate(resolve))
      }
      rates.forEach((rate, i) => {
        rate[`rows${rows}`] = (outputs * inputs) / median(times[i]) / 1e9
      })
    }
    for (const weight of [...weights.values()].flat()) weight.dispose()
    results.push(...rates)
  }
  return results
}

function copies(shape: number[], dtype: DType): Tensor[] {
  const length = Math.max(1, Math.ceil(UNCACHED / (shape[0] * shape[1])))
  return noGrad(() => Array.from({ length }, () => tidy(() => randn(shape).to(dtype))))
}

/** Seconds per product. */
function timeOf(path: Path, rows: number, inputs: number, weights: readonly Tensor[], seconds: number): number {
  return noGrad(() =>
    tidy(() => {
      const x = randn([rows, inputs]).to(path.activations)
      const start = performance.now()
      let calls = 0
      do path.run(x, weights[calls++ % weights.length]).dispose()
      while (performance.now() - start < seconds * 1000)
      return (performance.now() - start) / 1000 / calls
    }),
  )
}
