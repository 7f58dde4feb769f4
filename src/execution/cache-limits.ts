/** How much memory what is kept of earlier requests may take. */

import type { Device } from "../torch/index.js"

export interface PrefixCacheOptions {
  /**
   * Bytes of all that is kept of earlier requests; 0: nothing is. @default an eighth of the memory that is free, at most
   * 4 GiB; 1 GiB on a GPU
   */
  bytes?: number
  /** Of these, bytes for pictures: their features, and the little that is kept of their files. @default an eighth */
  pictureBytes?: number
}

const GIB = 2 ** 30

/** @throws RangeError for sizes that cannot be */
export function cacheLimits(
  { bytes, pictureBytes }: PrefixCacheOptions,
  device: Device,
): { prefixes: number; pictures: number } {
  const all = bytes ?? (device === "cpu" ? Math.min(process.availableMemory() / 8, 4 * GIB) : GIB)
  const pictures = pictureBytes ?? Math.floor(all / 8)
  if (!(all >= 0)) throw new RangeError(`prefixCache.bytes must be 0 or more, not ${bytes}`)
  if (!(pictures >= 0 && pictures <= all))
    throw new RangeError(`prefixCache.pictureBytes must be between 0 and bytes, not ${pictureBytes}`)
  return { prefixes: all - pictures, pictures }
}
