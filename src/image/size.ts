/** How many rows of a sequence a picture takes, known from its size alone. */

import sharp from "sharp"
import { decodedSize } from "./decode.js"
import { decoding, readableName, readBeginning, readPicture } from "./file.js"
import { type QwenImageOptions, smartResize } from "./processors/qwen.js"

/** How files begin whose size the decoder knows without looking at more. */
const PLAIN = [[0xff, 0xd8], [0x89, 0x50, 0x4e, 0x47], [...Buffer.from("RIFF")]]

/**
 * Width and height as `decodeImage` gives them; of most files only the beginning is read.
 * @throws UserError for a file that is missing or no picture
 */
export async function imageSize(path: string): Promise<{ width: number; height: number }> {
  const beginning = await readBeginning(path, 4)
  const where = readableName(path)
  if (!PLAIN.some((magic) => magic.every((byte, i) => beginning[i] === byte)))
    return decodedSize(await readPicture(path), where)
  const { width, height } = await decoding(where, () => sharp(path, { limitInputPixels: false }).metadata())
  return { width, height }
}

/**
 * Rows of a prepared picture, one per merge cell of patches.
 * @param aspect pad: onto a square first. The aspect ratio is judged before, as a square of a long thin picture is
 *   mostly empty.
 * @throws UserError for an aspect ratio above 200
 */
export function imageTokens(
  { width, height }: { width: number; height: number },
  aspect: "pad" | "native",
  { minPixels, maxPixels, patchSize = 14, mergeSize = 2 }: QwenImageOptions,
): number {
  const cell = patchSize * mergeSize
  const resized = smartResize(height, width, cell, minPixels, maxPixels)
  const side = Math.max(width, height)
  const [h, w] = aspect === "pad" ? smartResize(side, side, cell, minPixels, maxPixels) : resized
  return (h * w) / cell ** 2
}
