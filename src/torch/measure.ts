/** How fast this machine reads memory and multiplies matrices, through the engine: the two limits every forward has. */

import { noGrad } from "./autograd.js"
import { randn, zeros } from "./create.js"
import { synchronize } from "./device.js"
import type { Device, DType } from "./dtype.js"
import { tidy } from "./memory.js"
import type { Tensor } from "./tensor.js"

/** The best of `repeats` runs in seconds, after one that is not counted. */
function bestTime(device: Device, repeats: number, body: () => Tensor): number {
  let best = Number.POSITIVE_INFINITY
  for (let repeat = 0; repeat <= repeats; repeat += 1) {
    const start = performance.now()
    body().dispose()
    synchronize(device)
    if (repeat > 0) best = Math.min(best, (performance.now() - start) / 1000)
  }
  return best
}

/**
 * Bytes per second of a sum over float32 values too many for any cache.
 * @param bytes size of the tensor; must be far larger than the last-level cache. @default 256 MB, 2 GB on CUDA
 */
export function measureBandwidth(device: Device = "cpu", bytes = device.startsWith("cuda") ? 2e9 : 256e6): number {
  return noGrad(() =>
    tidy(() => {
      const values = zeros([Math.floor(bytes / 4)], { device })
      return values.bytes / bestTime(device, 6, () => values.sum())
    }),
  )
}

/**
 * Floating-point operations per second of a square matrix product, at the largest size that takes `seconds` or less:
 * bfloat16 without instructions for it is a hundred times slower than float32, and must not be waited for.
 */
export function measureMatmul(dtype: DType, device: Device = "cpu", { seconds = 0.1, largest = 0 } = {}): number {
  const limit = largest || (device === "cpu" ? 2048 : 8192)
  let rate = 0
  for (let size = 256; size <= limit; size *= 2) {
    const operations = 2 * size ** 3
    if (rate > 0 && operations / rate > 2 * seconds) break
    const time = noGrad(() =>
      tidy(() => {
        const a = randn([size, size], { device }).to(dtype)
        const b = randn([size, size], { device }).to(dtype)
        return bestTime(device, 4, () => a.matmul(b))
      }),
    )
    rate = Math.max(rate, operations / time)
  }
  return rate
}
