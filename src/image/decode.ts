/** Image files to RGB bytes, the same bytes as Pillow's `convert("RGB")`. Decoding only: resizing is resize.ts. */

import sharp, { type Metadata, type Sharp } from "sharp"
import { UserError } from "../errors.js"
import { inTurns, overRows, type Work } from "../in-turns.js"
import { decoding, readableName, readPicture } from "./file.js"
import { asPillowReadsAvif } from "./formats/avif.js"
import { decodeAvif } from "./formats/avif-decode.js"
import { decodeGifFrame, isGif, readGifFrame } from "./formats/gif.js"
import { withoutGrey16Key } from "./formats/png.js"
import { storedSamples } from "./formats/stored-samples.js"
import { asPillowReadsTiff, type PillowTiff } from "./formats/tiff.js"
import { decodeAssociated, ycbcrToRgb } from "./formats/tiff-colours.js"
import { bytesPerPixel, checkPictureMemory, GIF_BYTES_PER_PIXEL, TURNED_BYTES_PER_PIXEL } from "./memory.js"
import { isTurned, turned } from "./orientation.js"
import type { RgbImage } from "./rgb.js"

export type { RgbImage } from "./rgb.js"

const FORMATS = new Set<string | undefined>(["jpeg", "png", "webp", "gif", "tiff", "heif"])

export interface DecodeImageOptions {
  /** Turns the picture as its EXIF orientation says, as datasets of the hub do with their image columns. @default false */
  upright?: boolean
  /** A file that ends too early gives what is there of it, the rest grey, instead of an error. @default false */
  cut?: boolean
  /** What errors call it. @default its path, or "image" */
  name?: string
}

/**
 * Decodes JPEG, PNG, WebP, GIF, TIFF and AVIF, the first frame of an animation. As Pillow does and the authors rely
 * on: embedded colour profiles are ignored; nothing is turned but TIFF, which Pillow turns as its orientation says;
 * transparency is dropped, not composited. The event loop is not held.
 * @param source a path, or the bytes of a file
 * @throws UserError for a missing, damaged, unsupported or absurdly large image
 */
export async function decodeImage(source: string | Uint8Array, options: DecodeImageOptions = {}): Promise<RgbImage> {
  const { name = typeof source === "string" ? source : "image" } = options
  const where = readableName(name)
  const bytes = typeof source === "string" ? await readPicture(source) : source
  return decoding(where, async () => (await openImage(bytes, where, options)).decode())
}

/** Whether `upright` makes another picture of it, by the file's header. */
export const isTurnedByExif = (bytes: Uint8Array, where: string): Promise<boolean> =>
  decoding(where, async () => {
    if (isGif(bytes) || asPillowReadsTiff(bytes, where)) return false
    return isTurned((await sharp(bytes, { limitInputPixels: false }).metadata()).orientation ?? 1)
  })

/**
 * Width and height of the picture that `decodeImage` gives, from the file's header.
 * @throws UserError as `decodeImage`, as far as the header tells
 */
export async function decodedSize(bytes: Uint8Array, where: string): Promise<{ width: number; height: number }> {
  const { width, height } = await decoding(where, () => openImage(bytes, where))
  return { width, height }
}

/** A picture whose header was read. */
interface ImageFile {
  width: number
  height: number
  decode(): Promise<RgbImage>
}

async function openImage(
  bytes: Uint8Array,
  where: string,
  { upright = false, cut = false }: DecodeImageOptions = {},
): Promise<ImageFile> {
  if (bytes.length === 0) throw new UserError("the image file is empty", { where, fix: "get the file again" })
  if (bytes[0] === 0x42 && bytes[1] === 0x4d) {
    throw new UserError("BMP images are not supported", { where, fix: "convert it to PNG" })
  }
  if (isGif(bytes)) return openGif(bytes, where)
  const tiff = asPillowReadsTiff(bytes, where)
  const avif = asPillowReadsAvif(bytes)
  const turning = upright || (tiff && isTurned(tiff.orientation)) ? TURNED_BYTES_PER_PIXEL : 0
  const stored = tiff?.bytes ?? avif?.bytes ?? withoutGrey16Key(bytes)
  const opened = await openPicture(stored, where, { more: turning, cut })
  const { width, height } = opened.metadata
  const colour = avif?.colour
  const orientation = tiff?.orientation ?? (upright ? (opened.metadata.orientation ?? 1) : 1)
  const decode = async (): Promise<RgbImage> => {
    if (tiff) return decodeTiff(opened, tiff)
    const image = await (colour ? decodeAvif(opened.image, colour, where) : decodeOpened(opened))
    return inTurns(turned(image, orientation))
  }
  const onItsSide = orientation >= 5 && isTurned(orientation)
  return { ...(onItsSide ? { width: height, height: width } : { width, height }), decode }
}

function openGif(bytes: Uint8Array, where: string): ImageFile {
  const frame = readGifFrame(bytes, where)
  const { width, height } = frame
  checkPictureMemory({ width, height, perPixel: GIF_BYTES_PER_PIXEL, file: bytes.length }, where)
  return { width, height, decode: () => inTurns(decodeGifFrame(bytes, frame, where)) }
}

async function decodeTiff(opened: Opened, { isAssociated, ycbcr, orientation }: PillowTiff): Promise<RgbImage> {
  const image = isAssociated
    ? await decodeAssociated(opened.image, opened.metadata.depth === "ushort")
    : await decodeOpened(opened)
  if (ycbcr) await inTurns(ycbcrToRgb(image, ycbcr))
  return inTurns(turned(image, orientation))
}

interface Opened {
  image: Sharp
  metadata: Metadata
}

/**
 * Reads the header.
 * @param options.more bytes per pixel that will be needed after decoding
 * @param options.cut a file that ends too early is none to complain about
 * @throws UserError for what is no picture, or too much of one
 */
async function openPicture(
  bytes: Uint8Array,
  where: string,
  { more, cut }: { more: number; cut: boolean },
): Promise<Opened> {
  // The limits are ours, checked by the header before anything is decoded.
  const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: false, failOn: cut ? "none" : "error", pages: 1 })
  const metadata = await image.metadata()
  const { width, height, format } = metadata
  if (!FORMATS.has(format)) {
    throw new UserError(`${format} images are not supported`, { where, fix: "convert it to PNG" })
  }
  checkPictureMemory({ width, height, perPixel: bytesPerPixel(metadata) + more, file: bytes.length }, where)
  return { image, metadata }
}

async function decodeOpened({ image, metadata }: Opened): Promise<RgbImage> {
  const { width, height, channels, space } = metadata
  if (space === "cmyk" && channels >= 4) return decodeCmyk(image, metadata.depth === "ushort")
  if (space === "grey16" && channels === 1) return decodeGrey16(image)
  const { data, info } = await image
    .removeAlpha()
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
  if (info.channels === 3) return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
  return inTurns(rgbFrom(info, (pixel) => data[info.channels * pixel]))
}

/** Pillow's conversion without a profile: (255 − ink)(255 − black) / 255, rounded; of 16 bits it takes the upper 8. */
async function decodeCmyk(image: Sharp, sixteenBits: boolean): Promise<RgbImage> {
  const stored = await storedSamples(image, "cmyk", sixteenBits)
  const { channels, samples } = stored
  const spare = sixteenBits ? 8 : 0
  const rgb = rgbFrom(stored, (pixel, channel) => {
    const white = 255 - (samples[channels * pixel + 3] >> spare)
    const product = (samples[channels * pixel + channel] >> spare) * white + 128
    return Math.max(0, white - (((product >> 8) + product) >> 8))
  })
  return inTurns(rgb)
}

/** Pillow does not scale 16-bit grey to 8 bits: it cuts off at 255. (16-bit colour is scaled.) */
async function decodeGrey16(image: Sharp): Promise<RgbImage> {
  const stored = await storedSamples(image, "grey16", true)
  return inTurns(rgbFrom(stored, (pixel) => Math.min(255, stored.samples[pixel])))
}

/** Fills [height, width, 3] from a value per pixel and channel. */
function* rgbFrom(
  { width, height }: { width: number; height: number },
  value: (pixel: number, channel: number) => number,
): Work<RgbImage> {
  const data = new Uint8Array(width * height * 3)
  yield* overRows(height, width * 12, (first, end) => {
    for (let pixel = first * width, at = 3 * pixel; pixel < end * width; pixel++) {
      for (let channel = 0; channel < 3; channel++) data[at++] = value(pixel, channel)
    }
  })
  return { width, height, data }
}
