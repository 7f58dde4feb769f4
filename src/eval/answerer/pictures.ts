/** A document's pictures as a model is given them. */

import sharp from "sharp"
import { UserError } from "../../errors.js"
import { decodeImage, isTurnedByExif, type RgbImage } from "../../image/decode.js"
import type { DocPicture } from "../task/task.js"

/** @throws UserError naming the picture that cannot be decoded */
export const decodePicture = (picture: DocPicture): Promise<RgbImage> =>
  aboutPicture(picture, ({ bytes, upright = true }) => decodeImage(bytes, { upright, cut: true }))

/**
 * The file of a picture, as a server is sent it: servers do not turn pictures as datasets do.
 * @throws UserError naming the picture that cannot be decoded
 */
export const uprightFile = (picture: DocPicture): Promise<Uint8Array> =>
  aboutPicture(picture, async ({ bytes, name, upright = true }) => {
    if (!upright || !(await isTurnedByExif(bytes, name))) return bytes
    const { width, height, data } = await decodeImage(bytes, { upright, cut: true })
    return new Uint8Array(
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
    )
  })

async function aboutPicture<T>(picture: DocPicture, work: (picture: DocPicture) => Promise<T>): Promise<T> {
  try {
    return await work(picture)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(error.message, { where: picture.name, fix: error.fix, cause: error })
  }
}
