/** From bytes to the numbers that a vision tower sees. Knows no model. */

import type { PillowRelease, ResizeKernel } from "./resize.js"

/** How pixels are resized and normalised, whatever pieces a picture is cut into. */
export interface PixelOptions {
  kernel: ResizeKernel
  /** Whose order of passes is followed. */
  pillow: PillowRelease
  /** Bytes are multiplied by it before they are normalised. */
  rescaleFactor: number
  /** Of red, green and blue. */
  mean: readonly number[]
  std: readonly number[]
}

/** CLIP's statistics. */
export const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const
export const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const

/** SigLIP's: -1 … 1. */
export const HALF = [0.5, 0.5, 0.5] as const

/** A colour as bytes: the mean of the normalisation, which padding has. */
export const meanColour = (mean: readonly number[]): number[] => mean.map((value) => Math.trunc(value * 255))

/** All 256 values of a channel, rescaled in float64 and normalised in float32, as the reference rounds. */
export function normalisation(mean: number, std: number, rescaleFactor: number): Float32Array {
  const m = Math.fround(mean)
  const s = Math.fround(std)
  return Float32Array.from({ length: 256 }, (_, v) => Math.fround(Math.fround(Math.fround(v * rescaleFactor) - m) / s))
}

/** A table of `normalisation` for red, green and blue. */
export const normalisations = ({ mean, std, rescaleFactor }: Omit<PixelOptions, "kernel" | "pillow">): Float32Array[] =>
  [0, 1, 2].map((c) => normalisation(mean[c], std[c], rescaleFactor))
