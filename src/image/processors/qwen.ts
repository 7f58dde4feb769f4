/** Qwen2.5-VL's image preprocessing: the size rule, padding, normalisation and the order of patches. */

import { UserError } from "../../errors.js"
import { finish, inTurns, overRows, type Work } from "../../in-turns.js"
import { squared } from "../canvas.js"
import { MAXIMUM_BYTES, mebibytes } from "../memory.js"
import { CLIP_MEAN, CLIP_STD, meanColour, normalisations } from "../pixels.js"
import { type PillowRelease, type ResizeKernel, resizing } from "../resize.js"
import type { RgbImage } from "../rgb.js"
import { checkBytes } from "./tiles.js"

export interface QwenImageOptions {
  minPixels: number
  maxPixels: number
  /** Pixels per patch side. @default 14 */
  patchSize?: number
  /** Patches per side of a token. @default 2 */
  mergeSize?: number
  /** A single image is repeated this often along time. @default 2 */
  temporalPatchSize?: number
  /** @default "bicubic" */
  kernel?: ResizeKernel
  /** Whose order of passes resizing follows. @default 12 */
  pillow?: PillowRelease
  /** Bytes are multiplied by it before they are normalised. @default 1/255 */
  rescaleFactor?: number
  mean?: readonly number[]
  std?: readonly number[]
}

/** 384 x 384 and 512 x 512: what DiffusionVL trains and decodes with, whatever the preprocessor file says. */
export const DIFFUSION_IMAGE = { minPixels: 147456, maxPixels: 262144 }

/** CLIP's statistics, which Qwen2.5-VL uses. */
export const QWEN_MEAN = CLIP_MEAN
export const QWEN_STD = CLIP_STD

export interface QwenImage {
  /** [patches, channels · frames · patch · patch], rows grouped by merge cell. */
  pixelValues: Float32Array
  /** Frames, patch rows, patch columns. */
  grid: [1, number, number]
  /** Tokens it takes in a sequence, one per merge cell. */
  pieces: [number]
}

/** Python's round: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** @throws UserError for a picture without pixels, or one side of which is more than 200 times the other */
function checkAspect(width: number, height: number): void {
  const isPicture = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0
  if (!isPicture) throw new UserError(`the image is ${width} × ${height}: it has no pixels`)
  if (Math.max(height, width) / Math.min(height, width) > 200) {
    throw new UserError(`the image is ${width} × ${height}: one side is more than 200 times the other`, {
      fix: "crop it",
    })
  }
}

/**
 * The size an image is resized to: multiples of `factor`, area within [minPixels, maxPixels], aspect kept as far as possible.
 * @throws UserError for an aspect ratio above 200
 */
export function smartResize(
  height: number,
  width: number,
  factor: number,
  minPixels: number,
  maxPixels: number,
): [height: number, width: number] {
  checkAspect(width, height)
  let h = roundHalfEven(height / factor) * factor
  let w = roundHalfEven(width / factor) * factor
  if (h * w > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels)
    h = Math.max(factor, Math.floor(height / beta / factor) * factor)
    w = Math.max(factor, Math.floor(width / beta / factor) * factor)
  } else if (h * w < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width))
    h = Math.ceil((height * beta) / factor) * factor
    w = Math.ceil((width * beta) / factor) * factor
  }
  return [h, w]
}

/** The colour that training pads with: the mean of the normalisation, as a byte. */
const PADDING = meanColour(QWEN_MEAN)

/**
 * Centred on a square canvas of the colour the training pads with.
 * @throws UserError for an aspect ratio above 200, or a canvas of more memory than a picture may take
 */
export const padToSquare = (image: RgbImage, color?: readonly number[]): RgbImage => finish(padding(image, color))

/** `padToSquare` in pieces. */
function* padding(image: RgbImage, color: readonly number[] = PADDING): Work<RgbImage> {
  if (image.width !== image.height) checkAspect(image.width, image.height)
  return yield* squared(image, color, 'make it smaller, or set image_aspect to "native"')
}

/**
 * Frames, patch rows and patch columns that a picture of this size will have: what its length follows from.
 * @throws UserError for an aspect ratio above 200, or patches that take more memory than a picture may
 */
export function qwenGrid(width: number, height: number, options: QwenImageOptions): QwenImage["grid"] {
  const { minPixels, maxPixels, patchSize = 14, mergeSize = 2, temporalPatchSize = 2 } = options
  const [h, w] = smartResize(height, width, patchSize * mergeSize, minPixels, maxPixels)
  const bytes = h * w * 3 * (temporalPatchSize * Float32Array.BYTES_PER_ELEMENT + 1)
  if (bytes > MAXIMUM_BYTES)
    throw new UserError(
      `the image (${width} × ${height}) would be resized to ${w} × ${h}: its patches take ${mebibytes(bytes)}, more than the ${mebibytes(MAXIMUM_BYTES)} allowed`,
      { fix: "set a smaller max_pixels (or min_pixels)" },
    )
  return [1, h / patchSize, w / patchSize]
}

/**
 * Resizes, normalises and cuts into patch rows. Row content order: channel, frame, y, x; the frames are equal. Rows run
 * over merge cells, row by row, and over the patches inside a cell.
 * @throws UserError for an aspect ratio above 200, or patches that take more memory than a picture may
 */
export const qwenImage = (image: RgbImage, options: QwenImageOptions): QwenImage => finish(patches(image, options))

/** `qwenImage`, on a square canvas first if `pad`, without holding the event loop; the same numbers. */
export async function prepareImage(image: RgbImage, options: QwenImageOptions, pad = false): Promise<QwenImage> {
  return inTurns(pad ? paddedPatches(image, options) : patches(image, options))
}

function* paddedPatches(image: RgbImage, options: QwenImageOptions): Work<QwenImage> {
  return yield* patches(yield* padding(image), options)
}

function* patches(image: RgbImage, options: QwenImageOptions): Work<QwenImage> {
  const { patchSize = 14, mergeSize = 2, temporalPatchSize = 2, mean = QWEN_MEAN, std = QWEN_STD } = options
  const { kernel, pillow, rescaleFactor = 1 / 255 } = options
  const grid = qwenGrid(image.width, image.height, options)
  const [, rows, columns] = grid
  checkBytes(image)
  const width = columns * patchSize
  const { data } = yield* resizing(image, width, rows * patchSize, kernel, pillow)
  const tables = normalisations({ mean, std, rescaleFactor })
  const area = patchSize * patchSize
  const rowLength = 3 * temporalPatchSize * area
  const pixelValues = new Float32Array(rows * columns * rowLength)
  const bandLength = columns * mergeSize * rowLength
  yield* overRows(rows / mergeSize, bandLength, (from, until) => {
    let next = from * bandLength
    for (let cellRow = from * mergeSize; cellRow < until * mergeSize; cellRow += mergeSize) {
      for (let cellColumn = 0; cellColumn < columns; cellColumn += mergeSize) {
        for (let dy = 0; dy < mergeSize; dy++) {
          for (let dx = 0; dx < mergeSize; dx++) {
            const top = (cellRow + dy) * patchSize
            const left = (cellColumn + dx) * patchSize
            for (let c = 0; c < 3; c++) {
              const table = tables[c]
              const frame = next
              for (let y = 0; y < patchSize; y++) {
                let pixel = ((top + y) * width + left) * 3 + c
                for (let x = 0; x < patchSize; x++, pixel += 3) pixelValues[next++] = table[data[pixel]]
              }
              for (let f = 1; f < temporalPatchSize; f++, next += area)
                pixelValues.copyWithin(next, frame, frame + area)
            }
          }
        }
      }
    }
  })
  return { pixelValues, grid, pieces: [(rows * columns) / mergeSize ** 2] }
}
