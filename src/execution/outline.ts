/** What a prepared picture says of itself beside its pixels. */

import type { ImageInput } from "../models/types.js"

export interface Outline {
  /** As it was prepared, typed arrays left out: enough for the picture's place in a prompt, too little to compute features. */
  input: ImageInput
  bytes: number
}

/** Of an object or array, beside what is in it. */
const OVERHEAD = 64

/** @returns undefined for a picture that is not plain data: what it holds, and how much, cannot be seen */
export function outlineOf(input: ImageInput): Outline | undefined {
  let bytes = 0
  let isPlain = true
  const copy = (value: unknown): unknown => {
    if (ArrayBuffer.isView(value)) return undefined
    bytes += typeof value === "string" ? 2 * value.length : 8
    if (typeof value !== "object" || value === null) return value
    bytes += OVERHEAD
    if (Array.isArray(value)) return value.map(copy)
    const kind = Object.getPrototypeOf(value)
    isPlain &&= kind === Object.prototype || kind === null
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each)]))
  }
  const outline = copy(input) as ImageInput
  return isPlain ? { input: outline, bytes } : undefined
}
