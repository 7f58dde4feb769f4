/** Image files to RGB bytes, the same bytes as Pillow's `convert("RGB")`. Decoding only: resizing is resize.ts. */

import { readFile } from "node:fs/promises"
import sharp from "sharp"
import { UserError } from "../errors.js"

export interface RgbImage {
  width: number
  height: number
  /** [height, width, 3] */
  data: Uint8Array
}

/** Pillow refuses images of more than twice this many pixels as a decompression bomb. */
const MAXIMUM_PIXELS = 178_956_970

/**
 * Decodes JPEG, PNG, WebP, GIF (first frame), TIFF and AVIF. As Pillow does and the authors rely on: embedded colour
 * profiles and EXIF rotation are ignored, transparency is dropped, not composited.
 * @param source a path, or the bytes of a file
 * @throws UserError for a missing, damaged, unsupported or absurdly large image
 */
export async function decodeImage(source: string | Uint8Array): Promise<RgbImage> {
  const where = typeof source === "string" ? source : "image"
  const bytes = typeof source === "string" ? await readBytes(source) : source
  if (bytes.length === 0) throw new UserError("the image is empty", { where })
  if (bytes[0] === 0x42 && bytes[1] === 0x4d)
    throw new UserError("BMP images are not supported", { where, fix: "convert it to PNG" })
  try {
    const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: false, failOn: "error", pages: 1 })
    const { width, height, channels, space, format } = await image.metadata()
    if (!width || !height) throw new UserError("the image has no size", { where })
    if (width * height > MAXIMUM_PIXELS) {
      throw new UserError(`the image has ${width} × ${height} pixels, more than the ${MAXIMUM_PIXELS} allowed`, {
        where,
        fix: "make it smaller first",
      })
    }
    if (format === "svg" || format === "pdf")
      throw new UserError(`${format} is a drawing, not an image`, { where, fix: "convert it to PNG" })
    if (space === "cmyk" && channels === 4) return await decodeCmyk(bytes)
    const { data, info } = await image
      .removeAlpha()
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true })
    return { width: info.width, height: info.height, data: toRgb(data, info.channels) }
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`the image cannot be decoded (${(cause as Error).message.split("\n")[0]})`, {
      where,
      fix: "use an undamaged JPEG, PNG, WebP, GIF or TIFF",
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
      cause,
    })
  }
}

/** Pillow's naive conversion: (255 − c)(255 − k) / 255. JPEG stores CMYK inverted (Adobe), sharp hands it over as ink. */
async function decodeCmyk(bytes: Uint8Array): Promise<RgbImage> {
  const { data, info } = await sharp(bytes, { ignoreIcc: true })
    .toColourspace("cmyk")
    .raw()
    .toBuffer({ resolveWithObject: true })
  const pixels = info.width * info.height
  const out = new Uint8Array(pixels * 3)
  for (let i = 0; i < pixels; i++) {
    const k = 255 - data[4 * i + 3]
    for (let c = 0; c < 3; c++) {
      const product = (255 - data[4 * i + c]) * k + 128
      out[3 * i + c] = ((product >> 8) + product) >> 8
    }
  }
  return { width: info.width, height: info.height, data: out }
}

function toRgb(data: Buffer, channels: number): Uint8Array {
  if (channels === 3) return data
  const pixels = data.length / channels
  const out = new Uint8Array(pixels * 3)
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) out[3 * i + c] = data[channels * i + (channels < 3 ? 0 : c)]
  }
  return out
}
