/** Pictures made small, to be shown. */

import sharp from "sharp"
import { decodeImage } from "./decode.js"

/**
 * A picture of any format as a PNG file of at most so many pixels a side; a small one keeps its size.
 * @param source a path, or the bytes of a file
 * @throws UserError as `decodeImage`
 */
export async function thumbnail(source: string | Uint8Array, side: number): Promise<Uint8Array> {
  const { width, height, data } = await decodeImage(source)
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: side, height: side, fit: "inside", withoutEnlargement: true })
    .png()
    .toBuffer()
}
