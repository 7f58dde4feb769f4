/** Qwen2.5-VL's image preprocessing: the size rule, padding, normalisation and the order of patches. */

import { UserError } from "../errors.js"
import type { RgbImage } from "./decode.js"
import { resize } from "./resize.js"

export interface QwenImageOptions {
  minPixels: number
  maxPixels: number
  /** Pixels per patch side. @default 14 */
  patchSize?: number
  /** Patches per side of a token. @default 2 */
  mergeSize?: number
  /** A single image is repeated this often along time. @default 2 */
  temporalPatchSize?: number
  mean?: readonly number[]
  std?: readonly number[]
}

/** CLIP's statistics, which Qwen2.5-VL uses. */
export const QWEN_MEAN = [0.48145466, 0.4578275, 0.40821073] as const
export const QWEN_STD = [0.26862954, 0.26130258, 0.27577711] as const

export interface QwenImage {
  /** [patches, channels · frames · patch · patch], rows grouped by merge cell. */
  pixelValues: Float32Array
  /** Frames, patch rows, patch columns. */
  grid: [1, number, number]
}

/** Python's round: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
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
  if (Math.max(height, width) / Math.min(height, width) > 200) {
    throw new UserError(`the image is ${width} × ${height}: one side is more than 200 times the other`, {
      fix: "crop it",
    })
  }
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

/** Centred on a square canvas of the colour the training pads with. */
export function padToSquare(
  image: RgbImage,
  color: readonly number[] = QWEN_MEAN.map((m) => Math.trunc(m * 255)),
): RgbImage {
  const { width, height, data } = image
  if (width === height) return image
  const side = Math.max(width, height)
  const out = new Uint8Array(side * side * 3)
  for (let i = 0; i < out.length; i++) out[i] = color[i % 3]
  const left = (side - width) >> 1
  const top = (side - height) >> 1
  for (let y = 0; y < height; y++) {
    out.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * side + left) * 3)
  }
  return { width: side, height: side, data: out }
}

/** All 256 values of a channel, rescaled by 1/255 in float64 and normalised in float32, as the reference rounds. */
function normalisation(mean: number, std: number): Float32Array {
  const m = Math.fround(mean)
  const s = Math.fround(std)
  return Float32Array.from({ length: 256 }, (_, v) => Math.fround(Math.fround(Math.fround(v * (1 / 255)) - m) / s))
}

/**
 * Resizes, normalises and cuts into patch rows. Row content order: channel, frame, y, x; the frames are equal. Rows run
 * over merge cells, row by row, and over the patches inside a cell.
 * @throws UserError for an aspect ratio above 200
 */
export function qwenImage(image: RgbImage, options: QwenImageOptions): QwenImage {
  const {
    minPixels,
    maxPixels,
    patchSize = 14,
    mergeSize = 2,
    temporalPatchSize = 2,
    mean = QWEN_MEAN,
    std = QWEN_STD,
  } = options
  const [height, width] = smartResize(image.height, image.width, patchSize * mergeSize, minPixels, maxPixels)
  const { data } = resize(image, width, height)
  const rows = height / patchSize
  const columns = width / patchSize
  const tables = [0, 1, 2].map((c) => normalisation(mean[c], std[c]))
  const area = patchSize * patchSize
  const pixelValues = new Float32Array(rows * columns * 3 * temporalPatchSize * area)
  let at = 0
  for (let cellRow = 0; cellRow < rows; cellRow += mergeSize) {
    for (let cellColumn = 0; cellColumn < columns; cellColumn += mergeSize) {
      for (let dy = 0; dy < mergeSize; dy++) {
        for (let dx = 0; dx < mergeSize; dx++) {
          const top = (cellRow + dy) * patchSize
          const left = (cellColumn + dx) * patchSize
          for (let c = 0; c < 3; c++) {
            const table = tables[c]
            const frame = at
            for (let y = 0; y < patchSize; y++) {
              let from = ((top + y) * width + left) * 3 + c
              for (let x = 0; x < patchSize; x++, from += 3) pixelValues[at++] = table[data[from]]
            }
            for (let f = 1; f < temporalPatchSize; f++, at += area) pixelValues.copyWithin(at, frame, frame + area)
          }
        }
      }
    }
  }
  return { pixelValues, grid: [1, rows, columns] }
}

/**
 * Options from the content of preprocessor_config.json; anything it does not say has Qwen2.5-VL's value.
 * @throws UserError for a value of the wrong kind
 */
export function qwenImageOptions(
  preprocessor: Record<string, unknown>,
  limits: { minPixels: number; maxPixels: number },
): QwenImageOptions {
  const read = <T>(key: string, is: (value: unknown) => value is T, kind: string): T | undefined => {
    const value = preprocessor[key] ?? undefined
    if (value === undefined || is(value)) return value
    throw new UserError(`${key} is ${JSON.stringify(value)}, not ${kind}`, {
      where: "preprocessor_config.json",
      fix: "restore the file that came with the model",
    })
  }
  return {
    ...limits,
    patchSize: read("patch_size", isCount, "a positive whole number"),
    mergeSize: read("merge_size", isCount, "a positive whole number"),
    temporalPatchSize: read("temporal_patch_size", isCount, "a positive whole number"),
    mean: read("image_mean", isPerChannel, "three numbers"),
    std: read("image_std", isPerChannel, "three numbers"),
  }
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0
const isPerChannel = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length === 3 && value.every((entry) => typeof entry === "number")
