/** The small images in the repository and what Pillow makes of them (test/fixtures/images/make.py). */

import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { ResizeKernel } from "../../src/image/resize.js"

const folder = resolve(import.meta.dirname, "..", "fixtures", "images")

export const imagePath = (name: string): string => join(folder, name)

export const expectedImages: {
  decoded: Record<string, { size: [number, number]; sha256: string }>
  resized: { source: string; kernel: ResizeKernel; size: [number, number]; sha256: string }[]
  qwen: {
    source: string
    min_pixels: number
    max_pixels: number
    grid: [number, number, number]
    first: number[]
    sha256: string
  }[]
} = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"))

/** Of the bytes behind a typed array. */
export function sha256(array: Uint8Array | Float32Array): string {
  return createHash("sha256")
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest("hex")
}
