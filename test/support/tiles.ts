/** What transformers makes of pictures of odd sizes (test/fixtures/images/tiles.py), and the pictures. */

import { readFileSync } from "node:fs"
import type { RgbImage } from "../../src/image/rgb.js"
import { imagePath } from "./images.js"

export interface TileCase {
  processor: string
  size: [number, number]
  shape: number[]
  sha256: string
  grid?: number[]
  /** By N of anyres_max_N. */
  tokens?: Record<string, number>
  best?: [number, number]
  rows_columns?: [number, number]
  prompt?: string
}

export const expectedTiles: {
  cases: TileCase[]
  resized: { from: [number, number]; to: [number, number]; resample: number; sha256: string }[]
  /** Width, height, width and height of the best canvas, tokens for anyres_max_4 and anyres_max_9. */
  sizes: Record<"small" | "default", [number, number, number, number, number, number][]>
} = JSON.parse(readFileSync(imagePath("tiles.json"), "utf8"))

/** Every pixel has a colour of its own, told by its place. */
export function patterned(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3)
  let at = 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) for (const value of [7 * x + 13 * y, 31 * x + 5 * y, x * y + 91]) data[at++] = value
  return { width, height, data }
}
