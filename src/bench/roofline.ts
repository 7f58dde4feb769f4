/** The time below which no implementation can go: bytes over bandwidth, or operations over the rate of the matrix units. */

import { type Device, type DType, measureBandwidth, measureMatmul } from "../torch/index.js"

export interface Peaks {
  /** Bytes read per second, streaming. */
  bandwidth: number
  /** Multiply-adds count two. */
  operationsPerSecond: number
}

/** Both peaks of a device, measured now. */
export function measurePeaks(device: Device, dtype: DType): Peaks {
  return { bandwidth: measureBandwidth(device), operationsPerSecond: measureMatmul(dtype, device) }
}

/**
 * max(weight bytes / bandwidth, operations / peak) in seconds, for one forward of `rows` rows through `weights` weights.
 */
export function rooflineSeconds(
  { bandwidth, operationsPerSecond }: Peaks,
  { weights, bytes, rows }: { weights: number; bytes: number; rows: number },
): number {
  return Math.max(bytes / bandwidth, (2 * weights * rows) / operationsPerSecond)
}
