/** Image files to RGB bytes, the same bytes as Pillow's `convert("RGB")`. Decoding only: resizing is resize.ts. */

import { readFile } from "node:fs/promises"
import sharp, { type OutputInfo, type Sharp } from "sharp"
import { UserError } from "../errors.js"
import { withoutGifTransparency } from "./gif.js"

export interface RgbImage {
  width: number
  height: number
  /** [height, width, 3] */
  data: Uint8Array
}

/** Pillow refuses images of more pixels than this as decompression bombs. */
const MAXIMUM_PIXELS = 178_956_970

const FORMATS = new Set<string | undefined>(["jpeg", "png", "webp", "gif", "tiff", "heif"])

/**
 * Decodes JPEG, PNG, WebP, GIF, TIFF and AVIF, the first frame of an animation. As Pillow does and the authors rely
 * on: embedded colour profiles and EXIF rotation are ignored; transparency is dropped, not composited.
 * @param source a path, or the bytes of a file
 * @throws UserError for a missing, damaged, unsupported or absurdly large image
 */
export async function decodeImage(source: string | Uint8Array): Promise<RgbImage> {
  const where = typeof source === "string" ? source : "image"
  const bytes = typeof source === "string" ? await readBytes(source) : source
  if (bytes.length === 0) throw new UserError("the image file is empty", { where, fix: "get the file again" })
  if (bytes[0] === 0x42 && bytes[1] === 0x4d) {
    throw new UserError("BMP images are not supported", { where, fix: "convert it to PNG" })
  }
  try {
    return await decodeBytes(withoutGifTransparency(bytes), where)
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const reason = (cause as Error).message.split("\n")[0].trim()
    throw new UserError(`the image cannot be decoded (${reason})`, {
      where,
      fix: "use an undamaged JPEG, PNG, WebP, GIF, TIFF or AVIF",
      cause,
    })
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new UserError(code === "ENOENT" ? "there is no such image" : `the image cannot be read (${code})`, {
      where: path,
      fix: "check the path",
      cause,
    })
  }
}

async function decodeBytes(bytes: Uint8Array, where: string): Promise<RgbImage> {
  // The pixel limit is ours, read from the header before anything is decoded.
  const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: false, failOn: "error", pages: 1 })
  const { width, height, channels, space, format } = await image.metadata()
  if (!FORMATS.has(format)) {
    throw new UserError(`${format} images are not supported`, { where, fix: "convert it to PNG" })
  }
  if (width * height > MAXIMUM_PIXELS) {
    throw new UserError(`the image has ${width} × ${height} pixels, more than the ${MAXIMUM_PIXELS} allowed`, {
      where,
      fix: "make it smaller first",
    })
  }
  if (space === "cmyk" && channels === 4) return decodeCmyk(image)
  if (space === "grey16" && channels === 1) return decodeGrey16(image)
  const { data, info } = await image
    .removeAlpha()
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
  if (info.channels === 3) return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
  return rgbFrom(info, (pixel) => data[info.channels * pixel])
}

/** Pillow's conversion without a profile: (255 − ink)(255 − black) / 255, rounded. */
async function decodeCmyk(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .pipelineColourspace("cmyk")
    .toColourspace("cmyk")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
  return rgbFrom(info, (pixel, channel) => {
    const white = 255 - data[4 * pixel + 3]
    const product = data[4 * pixel + channel] * white + 128
    return Math.max(0, white - (((product >> 8) + product) >> 8))
  })
}

/** Pillow does not scale 16-bit grey to 8 bits: it cuts off at 255. (16-bit colour is scaled.) */
async function decodeGrey16(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .pipelineColourspace("grey16")
    .toColourspace("grey16")
    .raw({ depth: "ushort" })
    .toBuffer({ resolveWithObject: true })
  const samples = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height)
  return rgbFrom(info, (pixel) => Math.min(255, samples[pixel]))
}

/** Fills [height, width, 3] from a value per pixel and channel. */
function rgbFrom({ width, height }: OutputInfo, value: (pixel: number, channel: number) => number): RgbImage {
  const data = new Uint8Array(width * height * 3)
  for (let pixel = 0, at = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) data[at++] = value(pixel, channel)
  }
  return { width, height, data }
}
