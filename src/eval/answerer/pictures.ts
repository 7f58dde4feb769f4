/** A document's pictures as a model is given them. */

import { createHash } from "node:crypto"
import sharp from "sharp"
import { UserError } from "../../errors.js"
import { decodeImage, isTurnedByExif, type RgbImage } from "../../image/decode.js"
import { Kept } from "../../kept.js"
import type { ImageProcessor } from "../../models/architecture.js"
import { requireImages } from "../../models/images.js"
import type { ImageInput } from "../../models/types.js"
import type { DocPicture } from "../task/task.js"

/** Bytes of decoded and prepared pictures that are kept for the next document: those about one picture follow one another. */
const KEPT_BYTES = 256 * 2 ** 20

interface KeptPicture {
  image: Promise<RgbImage>
  /** By how many pictures the prompt shows. */
  inputs: Map<number, Promise<ImageInput>>
  bytes: number
}

/** Decodes and prepares pictures; one that was seen a moment ago is not decoded again. */
export class PictureStore {
  readonly #images: ImageProcessor | undefined
  readonly #kept = new Kept<KeptPicture>(KEPT_BYTES, ({ bytes }) => bytes)
  readonly #of = new WeakMap<RgbImage, KeptPicture>()

  /** @param images undefined for a model that sees none */
  constructor(images: ImageProcessor | undefined) {
    this.#images = images
  }

  /** @throws UserError naming the picture that cannot be decoded */
  async decode(picture: DocPicture): Promise<RgbImage> {
    const { bytes, upright = true } = picture
    const key = `${createHash("sha256").update(bytes).digest("base64url")} ${upright}`
    const kept = this.#kept.get(key) ?? { image: decodePicture(picture), inputs: new Map(), bytes: 0 }
    if (kept.bytes === 0) this.#kept.set(key, kept)
    const image = await kept.image
    kept.bytes ||= image.data.byteLength
    this.#of.set(image, kept)
    return image
  }

  /** @param image one that `decode` gave */
  prepare(image: RgbImage, among: number): Promise<ImageInput> {
    const kept = this.#of.get(image)
    if (!kept) throw new Error("the picture was not decoded here")
    const known = kept.inputs.get(among)
    if (known) return known
    const preparing = requireImages(this.#images)
      .prepare(image, { among })
      .then((input) => {
        kept.bytes += bytesIn(input)
        return input
      })
    kept.inputs.set(among, preparing)
    return preparing
  }
}

/** Of the numbers in plain data. */
function bytesIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== "object" || value === null) return 0
  return Object.values(value).reduce((sum: number, each) => sum + bytesIn(each), 0)
}

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
