/** Pictures made small, to be shown. */

import sharp from "sharp"
import { decodeImage } from "./decode.js"

/**
 * A picture of any format, of one that ends too early what there is, as a file of at most so many pixels a side; a small one keeps its size.
 * @param source a path, or the bytes of a file
 * @param format "webp" has a tenth of the bytes of a photograph, and small errors
 * @throws UserError as `decodeImage`
 */
export async function thumbnail(
  source: string | Uint8Array,
  side: number,
  format: "png" | "webp" = "png",
): Promise<Uint8Array> {
  const { width, height, data } = await decodeImage(source, { cut: true })
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: side, height: side, fit: "inside", withoutEnlargement: true })
    .toFormat(format)
    .toBuffer()
}
