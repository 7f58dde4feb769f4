/** Qwen2.5-VL's image preprocessing: the size rule, padding, normalisation and the order of patches. */

import { UserError } from "../errors.js"
import { finish, inTurns, overRows, type Work } from "../in-turns.js"
import { MAXIMUM_BYTES, mebibytes } from "./memory.js"
import { type ResizeKernel, resizing } from "./resize.js"
import type { RgbImage } from "./rgb.js"

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
  /** Bytes are multiplied by it before they are normalised. @default 1/255 */
  rescaleFactor?: number
  mean?: readonly number[]
  std?: readonly number[]
}

/** 384 x 384 and 512 x 512: what DiffusionVL trains and decodes with, whatever the preprocessor file says. */
export const DIFFUSION_IMAGE = { minPixels: 147456, maxPixels: 262144 }

/** CLIP's statistics, which Qwen2.5-VL uses. */
export const QWEN_MEAN = [0.48145466, 0.4578275, 0.40821073] as const
export const QWEN_STD = [0.26862954, 0.26130258, 0.27577711] as const

export interface QwenImage {
  /** [patches, channels · frames · patch · patch], rows grouped by merge cell. */
  pixelValues: Float32Array
  /** Frames, patch rows, patch columns. */
  grid: [1, number, number]
  /** Tokens it takes in a sequence, one per merge cell. */
  pieces: number
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
const PADDING = QWEN_MEAN.map((mean) => Math.trunc(mean * 255))

/**
 * Centred on a square canvas of the colour the training pads with.
 * @throws UserError for an aspect ratio above 200, or a canvas of more memory than a picture may take
 */
export const padToSquare = (image: RgbImage, color?: readonly number[]): RgbImage => finish(padding(image, color))

/** `padToSquare` in pieces. */
function* padding(image: RgbImage, color: readonly number[] = PADDING): Work<RgbImage> {
  const { width, height, data } = image
  if (width === height) return image
  checkAspect(width, height)
  const side = Math.max(width, height)
  const bytes = 3 * (side * side + width * height)
  if (bytes > MAXIMUM_BYTES)
    throw new UserError(
      `on a square canvas the image (${width} × ${height}) takes ${mebibytes(bytes)}, more than the ${mebibytes(MAXIMUM_BYTES)} allowed`,
      { fix: 'make it smaller, or set image_aspect to "native"' },
    )
  const out = new Uint8Array(side * side * 3)
  const left = (side - width) >> 1
  const top = (side - height) >> 1
  const blank = new Uint8Array(side * 3)
  for (let i = 0; i < blank.length; i++) blank[i] = color[i % 3]
  yield* overRows(side, side * 3, (from, until) => {
    for (let y = from; y < until; y++) {
      out.set(blank, y * side * 3)
      const row = y - top
      if (row >= 0 && row < height)
        out.set(data.subarray(row * width * 3, (row + 1) * width * 3), (y * side + left) * 3)
    }
  })
  return { width: side, height: side, data: out }
}

/** All 256 values of a channel, rescaled in float64 and normalised in float32, as the reference rounds. */
export function normalisation(mean: number, std: number, rescaleFactor: number): Float32Array {
  const m = Math.fround(mean)
  const s = Math.fround(std)
  return Float32Array.from({ length: 256 }, (_, v) => Math.fround(Math.fround(Math.fround(v * rescaleFactor) - m) / s))
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
  const { kernel, rescaleFactor = 1 / 255 } = options
  const grid = qwenGrid(image.width, image.height, options)
  const [, rows, columns] = grid
  const bytes = image.width * image.height * 3
  if (image.data.length !== bytes)
    throw new UserError(`an image of ${image.width} × ${image.height} has ${bytes} bytes, not ${image.data.length}`, {
      fix: "give red, green and blue of every pixel",
    })
  const width = columns * patchSize
  const { data } = yield* resizing(image, width, rows * patchSize, kernel)
  const tables = [0, 1, 2].map((c) => normalisation(mean[c], std[c], rescaleFactor))
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
  return { pixelValues, grid, pieces: (rows * columns) / mergeSize ** 2 }
}
