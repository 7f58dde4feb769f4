/** TIFF as Pillow reads it: what the decoder takes otherwise is told otherwise in the directory, or put right after. */

import { UserError } from "../../errors.js"
import { checkPictureMemory } from "../memory.js"
import { TiffDirectory } from "./tiff-directory.js"

const WIDTH = 256
const HEIGHT = 257
const BITS = 258
const COMPRESSION = 259
const PHOTOMETRIC = 262
const STRIP_OFFSETS = 273
const ORIENTATION = 274
const SAMPLES = 277
const STRIP_BYTES = 279
const PLANAR = 284
const COLOUR_MAP = 320
const TILE_OFFSETS = 324
const TILE_BYTES = 325
const EXTRA_SAMPLES = 338
const SAMPLE_FORMAT = 339
const YCBCR_COEFFICIENTS = 529
const YCBCR_SUBSAMPLING = 530
const REFERENCE_BLACK_WHITE = 532
const XMP = 700

const WHITE_IS_ZERO = 0
const BLACK_IS_ZERO = 1
const RGB = 2
const PALETTE = 3
const YCBCR = 6
const LAB = 8
const UNCOMPRESSED = 1
const JPEG = [6, 7]
const UNSUPPORTED: Record<number, string> = { 34925: "LZMA", 50000: "Zstandard", 50001: "WebP" }
const SEPARATE = 2
const ASSOCIATED = 1
const UNASSOCIATED = 2
const SIGNED = 2
const UNSIGNED = 1
/** Longer metadata is no place to look for an orientation. */
const MAXIMUM_XMP = 1 << 20
/** Samples of a pixel that the decoder takes. */
const MAXIMUM_SAMPLES = 5

/** How luma and colour differences were made. */
export interface YCbCr {
  /** Parts of red, green and blue in the luma. */
  luma: number[]
  /** Values of black and white (of none and most) for each of the three. */
  reference: number[]
}

export interface PillowTiff {
  /** The file with a directory that every decoder understands in the same way. */
  bytes: Uint8Array
  /** Pillow turns a TIFF when it loads it (and no other format). */
  orientation: number
  /** Colours are multiplied by the transparency, the fourth sample. */
  isAssociated: boolean
  /** The samples are luma and colour differences. */
  ycbcr?: YCbCr
}

/**
 * How Pillow reads the first picture of a TIFF; undefined for other files.
 * @throws UserError for kinds whose right colours are out of reach
 */
export function asPillowReadsTiff(bytes: Uint8Array, where: string): PillowTiff | undefined {
  const tiff = TiffDirectory.of(bytes)
  if (!tiff) return undefined
  // Before the decoder sees sizes that it complains about on its own.
  const [width, height] = [tiff.value(WIDTH) ?? 0, tiff.value(HEIGHT) ?? 0]
  checkPictureMemory({ width: width || 1, height: height || 1, perPixel: 0, file: bytes.length }, where)
  refuseUnknown(tiff, where)
  const orientation = orientationOf(tiff)
  tiff.set(ORIENTATION, 1)
  const bits = tiff.value(BITS) ?? 1
  const samples = tiff.value(SAMPLES) ?? 1
  const photometric = tiff.value(PHOTOMETRIC)
  const isSeparate = tiff.value(PLANAR) === SEPARATE
  const isCompressed = (tiff.value(COMPRESSION) ?? UNCOMPRESSED) !== UNCOMPRESSED
  // Pillow does not turn white around that is 0 in 16 bits, and takes signed bytes for unsigned ones.
  if (photometric === WHITE_IS_ZERO && bits === 16 && tiff.value(SAMPLE_FORMAT) !== 3)
    tiff.set(PHOTOMETRIC, BLACK_IS_ZERO)
  if (bits === 8 && tiff.value(SAMPLE_FORMAT) === SIGNED) tiff.set(SAMPLE_FORMAT, UNSIGNED, true)
  // Pillow takes the upper bytes of a colour table, also where all of them are 0.
  if (photometric === PALETTE && tiff.values(COLOUR_MAP)?.every((value) => value < 256)) tiff.set(COLOUR_MAP, 0, true)
  // The decoder mixes up two planes: the second is transparency, and not wanted.
  if (isSeparate && samples === 2) keepFirstPlane(tiff)
  const extra = tiff.value(EXTRA_SAMPLES)
  const isAssociated =
    photometric === RGB &&
    samples >= 4 &&
    // Separate planes of compressed data that do not say what the fourth is: so it is for Pillow.
    (extra === ASSOCIATED || (extra === undefined && samples === 4 && isSeparate && isCompressed))
  if (isAssociated) tiff.set(EXTRA_SAMPLES, UNASSOCIATED)
  const ycbcr = photometric === YCBCR ? plainYCbCr(tiff, where) : undefined
  if (ycbcr) tiff.set(PHOTOMETRIC, RGB)
  return { bytes: tiff.bytes, orientation, isAssociated, ycbcr }
}

function refuseUnknown(tiff: TiffDirectory, where: string): void {
  const compression = UNSUPPORTED[tiff.value(COMPRESSION) ?? UNCOMPRESSED]
  if (compression)
    throw new UserError(`TIFF images compressed by ${compression} are not supported`, {
      where,
      fix: "save it with LZW or Deflate, or as PNG",
    })
  if (tiff.value(PHOTOMETRIC) === LAB)
    throw new UserError("TIFF images in CIE L*a*b* are not supported", { where, fix: "convert it to RGB" })
  const samples = tiff.value(SAMPLES) ?? 1
  if (samples > MAXIMUM_SAMPLES)
    throw new UserError(`the TIFF has ${samples} samples a pixel, more than the ${MAXIMUM_SAMPLES} that can be read`, {
      where,
      fix: "convert it to RGB",
    })
}

/** The tag or, where there is none, what XMP says; 1 for what says nothing. */
function orientationOf(tiff: TiffDirectory): number {
  if (tiff.has(ORIENTATION)) return tiff.value(ORIENTATION) ?? 1
  const xmp = tiff.text(XMP, MAXIMUM_XMP) ?? ""
  return Number(/tiff:Orientation(?:="|>)([0-9])/.exec(xmp)?.[1] ?? 1)
}

/** Two planes become the first alone. */
function keepFirstPlane(tiff: TiffDirectory): void {
  for (const tag of [STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES]) {
    const count = tiff.values(tag)?.length
    if (count) tiff.shorten(tag, Math.ceil(count / 2))
  }
  tiff.set(SAMPLES, 1)
  for (const tag of [BITS, SAMPLE_FORMAT]) tiff.shorten(tag, 1)
  tiff.shorten(EXTRA_SAMPLES, 0)
  tiff.set(PLANAR, 1)
}

/**
 * Where every pixel has its own luma and colour differences, which the decoder gives as they are; undefined where it
 * turns them into colours itself.
 */
function plainYCbCr(tiff: TiffDirectory, where: string): YCbCr | undefined {
  const compression = tiff.value(COMPRESSION) ?? UNCOMPRESSED
  if (JPEG.includes(compression) || tiff.value(SAMPLES) !== 3 || tiff.value(BITS) !== 8) return undefined
  const subsampling = tiff.values(YCBCR_SUBSAMPLING)
  if (!subsampling && compression === UNCOMPRESSED) {
    // Without the tag one pixel in four has colour differences. Data of twice that size says otherwise.
    const bytes = (tiff.values(STRIP_BYTES) ?? []).reduce((sum, count) => sum + count, 0)
    if (bytes === 3 * (tiff.value(WIDTH) ?? 0) * (tiff.value(HEIGHT) ?? 0))
      throw new UserError("the TIFF is in YCbCr and does not say how its colours are sampled (YCbCrSubSampling)", {
        where,
        fix: "convert it to RGB",
      })
  }
  if (!subsampling?.every((every) => every === 1)) return undefined
  return {
    luma: tiff.values(YCBCR_COEFFICIENTS) ?? [0.299, 0.587, 0.114],
    reference: tiff.values(REFERENCE_BLACK_WHITE) ?? [0, 255, 128, 255, 128, 255],
  }
}
