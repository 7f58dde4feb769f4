/** A document's pictures as a model or a server is given them. */

import sharp from "sharp"
import type { EncodedImage } from "../../generate/image-source.js"
import { decodedSize, decodeImage, isTurnedByExif, type RgbImage } from "../../image/decode.js"
import type { DocPicture } from "../task/task.js"

/** As datasets of the hub decode it: upright, and what there is of a file that ends too early. */
export const imageOf = ({ bytes, name, upright = true }: DocPicture): EncodedImage => ({
  bytes,
  name,
  upright,
  cut: true,
})

/** @throws UserError naming the picture that cannot be decoded */
export function decodePicture(picture: DocPicture): Promise<RgbImage> {
  const { bytes, ...options } = imageOf(picture)
  return decodeImage(bytes, options)
}

/**
 * The file of a picture, as a server is sent it: servers do not turn pictures as datasets do.
 * @throws UserError naming the picture that cannot be decoded
 */
export async function uprightFile(picture: DocPicture): Promise<Uint8Array> {
  const { bytes, name, upright = true } = picture
  // Data may name any file: what is no picture stays here.
  await decodedSize(bytes, name)
  if (!upright || !(await isTurnedByExif(bytes, name))) return bytes
  const { width, height, data } = await decodePicture(picture)
  return new Uint8Array(
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  )
}
