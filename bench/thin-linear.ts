/** Rates of products of few rows: libtorch's linear against thin_linear, over weights too many for the cache. */

import { type DType, linear, noGrad, randn, type Tensor, thinLinear, tidy } from "../src/torch/index.js"

export interface ThinLinearBenchOptions {
  /** [N, K] of the weights. */
  shapes?: [number, number][]
  rows?: number[]
  /** Rounds; in each, every path runs once, so that a disturbance meets all of them. @default 7 */
  rounds?: number
  /** Seconds per path and round. @default 0.02 */
  seconds?: number
  instructionSets?: ("portable" | "avx2" | "avx512")[]
  report?: (row: ThinLinearRow) => void
}

export interface ThinLinearRow {
  path: string
  shape: [number, number]
  rows: number
  /** 10⁹ weights per second: of the best round, and of the median one. */
  best: number
  median: number
}

/** Those of a 135M model, of the 3B model, and of the 3B model's output layer. */
const SHAPES: [number, number][] = [
  [576, 1536],
  [1536, 576],
  [2048, 2048],
  [11008, 2048],
  [2048, 11008],
  [151936, 2048],
]
/** Copies of a weight are used in turn until this many weights have passed. */
const UNCACHED = 48e6

interface Path {
  name: string
  weights: DType
  activations: DType
  run: (x: Tensor, weight: Tensor) => Tensor
}

function paths(sets: NonNullable<ThinLinearBenchOptions["instructionSets"]>): Path[] {
  const aten: Path[] = [
    { name: "aten float32", weights: "float32", activations: "float32", run: linear },
    { name: "aten bfloat16", weights: "bfloat16", activations: "bfloat16", run: linear },
  ]
  const thin = sets.flatMap((instructionSet) => {
    const run = (x: Tensor, weight: Tensor) => thinLinear(x, weight, null, { instructionSet })
    return [
      { name: `thin ${instructionSet} bfloat16`, weights: "bfloat16", activations: "float32", run },
      { name: `thin ${instructionSet} float32`, weights: "float32", activations: "float32", run },
    ] satisfies Path[]
  })
  return [...aten, ...thin]
}

/** Instruction sets of thin_linear that this CPU has. */
export function availableInstructionSets(): ("portable" | "avx2" | "avx512")[] {
  return (["portable", "avx2", "avx512"] as const).filter((instructionSet) => {
    try {
      noGrad(() => tidy(() => void thinLinear(randn([1, 1]), randn([1, 1]), null, { instructionSet })))
      return true
    } catch {
      return false
    }
  })
}

export async function thinLinearBench({
  shapes = SHAPES,
  rows = [1, 2, 4, 8, 16, 32, 64, 128],
  rounds = 7,
  seconds = 0.02,
  instructionSets = availableInstructionSets(),
  report,
}: ThinLinearBenchOptions = {}): Promise<ThinLinearRow[]> {
  const results: ThinLinearRow[] = []
  for (const shape of shapes) {
    const size = shape[0] * shape[1]
    const copies = Math.max(1, Math.ceil(UNCACHED / size))
    const weights = new Map<DType, Tensor[]>()
    const all = paths(instructionSets)
    for (const { weights: dtype } of all) {
      if (!weights.has(dtype)) {
        weights.set(
          dtype,
          noGrad(() => Array.from({ length: copies }, () => tidy(() => randn(shape).to(dtype)))),
        )
      }
    }
    let turn = 0
    for (const m of rows) {
      const times = all.map(() => [] as number[])
      for (let round = 0; round < rounds; round += 1) {
        all.forEach((path, i) => {
          const x = noGrad(() => tidy(() => randn([m, shape[1]]).to(path.activations)))
          const list = weights.get(path.weights)!
          const once = () => noGrad(() => path.run(x, list[turn++ % copies]).dispose())
          if (round === 0) once()
          const start = performance.now()
          let calls = 0
          do {
            once()
            calls += 1
          } while (performance.now() - start < seconds * 1000)
          times[i].push((performance.now() - start) / 1000 / calls)
          x.dispose()
        })
        await new Promise((resolve) => setImmediate(resolve))
      }
      all.forEach((path, i) => {
        const sorted = times[i].sort((a, b) => a - b)
        const rate = (time: number) => size / time / 1e9
        const row = { path: path.name, shape, rows: m, best: rate(sorted[0]), median: rate(sorted[sorted.length >> 1]) }
        results.push(row)
        report?.(row)
      })
    }
    for (const list of weights.values()) for (const weight of list) weight.dispose()
  }
  return results
}
