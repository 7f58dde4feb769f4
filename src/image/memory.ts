/** How much memory decoding a picture takes, told from its header, and whether that is too much. */

import type { Metadata } from "sharp"
import { UserError } from "../errors.js"

/** Pillow refuses images of more pixels than this as decompression bombs. */
export const MAXIMUM_PIXELS = 178_956_970

/** Bytes that a picture may take while it is decoded, its file included. */
export const MAXIMUM_BYTES = 768 * 2 ** 20

const BYTES: Record<string, number> = { uchar: 1, char: 1, ushort: 2, short: 2, uint: 4, int: 4, float: 4, double: 8 }

/**
 * Bytes per pixel that the decoder holds at once, the result included: rows are streamed except where a format's
 * decoder needs the whole picture. Measured, rounded up.
 */
export function bytesPerPixel({ format, channels = 4, depth = "uchar", isProgressive }: Partial<Metadata>): number {
  const stored = channels * (BYTES[depth] ?? 8)
  const result = 3 + (channels === 3 ? 0 : stored)
  // Of more than 8 bits the planes are taken as they are, and turned to colours after.
  if (format === "heif") return 3 + (channels === 3 && stored === 3 ? 0 : stored) + 17
  if (format === "webp") return result + 8
  // Coefficients of 16 bits in a progressive JPEG; all rows of an interlaced PNG; the strips of a TIFF can be all of it.
  if (format === "jpeg") return result + (isProgressive ? 2 * channels : 0)
  return result + (format === "tiff" || isProgressive ? stored : 0)
}

/** Bytes per pixel of the second picture that turning takes. */
export const TURNED_BYTES_PER_PIXEL = 3

/** Bytes per pixel of a GIF: the indices of the frame and the result. */
export const GIF_BYTES_PER_PIXEL = 4

/** Rows that the decoder holds besides: nothing, but for very wide pictures. */
const ROWS_HELD = 16

/** @throws UserError for a picture of more pixels than Pillow takes, or that needs more memory than it may */
export function checkPictureMemory(
  { width, height, perPixel, file }: { width: number; height: number; perPixel: number; file: number },
  where: string,
): void {
  const fix = "make it smaller first"
  if (width * height > MAXIMUM_PIXELS)
    throw new UserError(`the image has ${width} × ${height} pixels, more than the ${MAXIMUM_PIXELS} allowed`, {
      where,
      fix,
    })
  const bytes = width * (height + ROWS_HELD) * perPixel + file
  if (bytes > MAXIMUM_BYTES)
    throw new UserError(
      `decoding the image (${width} × ${height} pixels) would take ${mebibytes(bytes)}, more than the ${mebibytes(MAXIMUM_BYTES)} allowed`,
      { where, fix },
    )
}

export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`
