/** The time below which no implementation can go: bytes over bandwidth, or operations over the rate of the matrix units. */

import type { DType } from "../torch/index.js"
import { linear, noGrad, randn, synchronize, tidy, zeros } from "../torch/index.js"

export interface Ceilings {
  /** Bytes read per second, streaming. */
  bandwidth: number
  /** Multiply-adds count two. */
  operationsPerSecond: number
}

function best(repeats: number, device: string, body: () => void): number {
  let shortest = Number.POSITIVE_INFINITY
  for (let i = 0; i < repeats; i++) {
    synchronize(device)
    const start = performance.now()
    noGrad(() => tidy(body))
    synchronize(device)
    if (i > 0) shortest = Math.min(shortest, performance.now() - start)
  }
  return shortest / 1000
}

/** Both ceilings of a device, measured now: a sum over 1 GiB (on a GPU 4 GiB), a large product in the compute type. */
export function measureCeilings(device: string, dtype: DType): Ceilings {
  const gpu = device !== "cpu"
  const bytes = gpu ? 2 ** 32 : 2 ** 30
  const data = zeros([bytes / 4], { device })
  const bandwidth = bytes / best(gpu ? 10 : 5, device, () => data.sum())
  data.dispose()
  const n = gpu ? 8192 : 2048
  const a = randn([n, n], { device }).to(dtype)
  const b = randn([n, n], { device }).to(dtype)
  const operationsPerSecond = (2 * n ** 3) / best(gpu ? 10 : 4, device, () => linear(a, b))
  a.dispose()
  b.dispose()
  return { bandwidth, operationsPerSecond }
}

/** max(weight bytes / bandwidth, operations / peak) in seconds for one forward of `rows` rows through `weights` weights. */
export function floorSeconds(
  { bandwidth, operationsPerSecond }: Ceilings,
  weights: number,
  bytesPerWeight: number,
  rows: number,
): number {
  return Math.max((weights * bytesPerWeight) / bandwidth, (2 * weights * rows) / operationsPerSecond)
}
