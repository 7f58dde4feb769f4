/** Pictures as they are given, read but not yet decoded, and named by all that a prepared picture follows from. */

import { nameOfContent } from "../execution/content-name.js"
import { type DecodeImageOptions, decodeImage, type RgbImage } from "../image/decode.js"
import { readableName, readPicture } from "../image/file.js"
import type { ImageProcessor } from "../models/architecture.js"

/** The bytes of an image file, and how it is decoded. */
export interface EncodedImage extends DecodeImageOptions {
  bytes: Uint8Array
}

/** A path, the bytes of an image file, or pixels. */
export type ImageSource = string | Uint8Array | EncodedImage | RgbImage

export interface ReadImage {
  /** What errors call it. */
  place: string
  /**
   * The same name, the same prepared picture: of the file's bytes or the pixels, of how it is decoded and shown. Undefined for a
   * model that sees none.
   */
  source?: string
  /** @throws UserError for what is no picture */
  decode(): Promise<RgbImage>
}

/**
 * Reads a picture. What the caller holds is copied: it may change before the picture is decoded.
 * @param index among the pictures of the prompt
 * @param shown how: the prompt's pictures, and what prepares them
 * @throws UserError for a file that cannot be read
 */
export async function readImage(
  image: ImageSource,
  index: number,
  { among, processor }: { among: number; processor: ImageProcessor | undefined },
): Promise<ReadImage> {
  const named = (...content: unknown[]): string | undefined =>
    processor && `${nameOfContent(content)} ${among} ${numberOf(processor)}`
  const place = `image ${index + 1}`
  if (typeof image === "string") {
    const bytes = await readPicture(image)
    const decode = (): Promise<RgbImage> => decodeImage(bytes, { name: image })
    return { place: readableName(image), source: named(bytesOf(bytes), false, false), decode }
  }
  if (!(image instanceof Uint8Array) && "data" in image) {
    const { width, height } = image
    const data = image.data instanceof Uint8Array ? new Uint8Array(image.data) : image.data
    return { place, source: named(width, height, data), decode: async () => ({ width, height, data }) }
  }
  const { bytes: given, ...options } = image instanceof Uint8Array ? { bytes: image } : image
  const bytes = new Uint8Array(given)
  const { upright = false, cut = false, name } = options as DecodeImageOptions
  return {
    place: name === undefined ? place : readableName(name),
    source: named(bytes, upright, cut),
    decode: () => decodeImage(bytes, options),
  }
}

/** Not as a Buffer, so that a file is the same as its bytes. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Settings of a processor are its own, and cannot be seen: another one is another. */
const numbers = new WeakMap<ImageProcessor, number>()
let count = 0
function numberOf(processor: ImageProcessor): number {
  const number = numbers.get(processor) ?? ++count
  numbers.set(processor, number)
  return number
}
