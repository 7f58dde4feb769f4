/** Random variations of small training pictures: moved, turned, recoloured, mixed. Knows no data set. */

import { resize } from "./resize.js"
import type { RgbImage } from "./rgb.js"

/** Ranges to draw from; what is left out does not vary. */
export interface AugmentOptions {
  /** Smallest and largest factor of size. */
  scale?: readonly [number, number]
  /** Largest rotation to either side, in degrees. */
  rotateDegrees?: number
  /** Largest shift in x and in y, as a fraction of the side. */
  shift?: number
  /** Largest horizontal shear, as the tangent of its angle. */
  shear?: number
  /** Probability of a mirror image. */
  flip?: number
  /** Largest turn of the hue to either side, in radians. */
  hueRadians?: number
  /** Largest relative change of the saturation, 0 … 1. */
  saturation?: number
  /** Largest relative change of the brightness, 0 … 1. */
  brightness?: number
  /** Colour of what lies outside the picture. @default white */
  background?: readonly [number, number, number]
}

/** A picture that is mixed into another. */
export interface Mixed {
  image: RgbImage
  /** Its share of every pixel, 0 … 1. */
  weight: number
}

/**
 * One random variation, of the same size as `image`. Each picture takes nine numbers from `random`, whatever the options
 * are, so that the same numbers always give the same picture.
 * @param random uniform in [0, 1)
 * @param mixed a second picture, varied on its own, stretched to the size of the first and mixed with it
 */
export function augment(image: RgbImage, options: AugmentOptions, random: () => number, mixed?: Mixed): RgbImage {
  const varied = vary(image, options, random)
  if (!mixed) return varied
  const { image: other, weight } = mixed
  const fitted = other.width === image.width && other.height === image.height
  const second = vary(fitted ? other : resize(other, image.width, image.height), options, random)
  for (let i = 0; i < varied.data.length; i++)
    varied.data[i] = byte((1 - weight) * varied.data[i] + weight * second.data[i])
  return varied
}

function vary(image: RgbImage, options: AugmentOptions, random: () => number): RgbImage {
  const around = (range = 0): number => (2 * random() - 1) * range
  const [small, large] = options.scale ?? [1, 1]
  const placement: Placement = {
    scale: small + (large - small) * random(),
    angle: (around(options.rotateDegrees) * Math.PI) / 180,
    dx: around(options.shift) * image.width,
    dy: around(options.shift) * image.height,
    shear: around(options.shear),
    mirror: random() < (options.flip ?? 0) ? -1 : 1,
  }
  const colors = colorMatrix(around(options.hueRadians), 1 + around(options.saturation), 1 + around(options.brightness))
  return warp(image, placement, colors, options.background ?? [255, 255, 255])
}

interface Placement {
  scale: number
  /** In radians, clockwise on the screen, where y points down. */
  angle: number
  /** In pixels. */
  dx: number
  dy: number
  shear: number
  /** −1 for a mirror image, else 1. */
  mirror: number
}

/** Rec. 709 luma, and the turn of hue about it, as the CSS filter `hue-rotate` defines them. */
const LUMA = [0.213, 0.715, 0.072]
const HUE_SINE = [-0.213, -0.715, 0.928, 0.143, 0.14, -0.283, -0.787, 0.715, 0.072]

/** [3, 3] that keeps greys grey: brightness · (luma + saturation · (cos · chroma + sin · turned chroma)). */
function colorMatrix(hue: number, saturation: number, brightness: number): number[] {
  return HUE_SINE.map((turned, i) => {
    const luma = LUMA[i % 3]
    const chroma = (i % 4 === 0 ? 1 : 0) - luma
    return brightness * (luma + saturation * (Math.cos(hue) * chroma + Math.sin(hue) * turned))
  })
}

const byte = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : (value + 0.5) | 0)

/** Places the picture about its centre (bilinear, background outside), then recolours every pixel, the background too. */
function warp(
  image: RgbImage,
  { scale, angle, dx, dy, shear, mirror }: Placement,
  colors: readonly number[],
  background: readonly number[],
): RgbImage {
  const { width, height } = image
  const framed = withFrame(image, background)
  const stride = (width + 2) * 3
  const [rr, rg, rb, gr, gg, gb, br, bg, bb] = colors
  // Forward, a point is scaled (and mirrored), sheared, turned, shifted; every output pixel asks the inverse for its source.
  const cosine = Math.cos(angle) / scale
  const sine = Math.sin(angle) / scale
  const xx = mirror * (cosine + shear * sine)
  const xy = mirror * (sine - shear * cosine)
  const centerX = (width - 1) / 2
  const centerY = (height - 1) / 2
  const out = new Uint8Array(width * height * 3)
  const paint = (offset: number, r: number, g: number, b: number): void => {
    out[offset] = byte(rr * r + rg * g + rb * b)
    out[offset + 1] = byte(gr * r + gg * g + gb * b)
    out[offset + 2] = byte(br * r + bg * g + bb * b)
  }
  paint(0, background[0], background[1], background[2])
  const [outsideR, outsideG, outsideB] = out
  for (let y = 0, at = 0; y < height; y++) {
    const fromY = y - centerY - dy
    for (let x = 0; x < width; x++, at += 3) {
      const fromX = x - centerX - dx
      const sourceX = centerX + xx * fromX + xy * fromY
      const sourceY = centerY - sine * fromX + cosine * fromY
      if (!(sourceX > -1 && sourceX < width && sourceY > -1 && sourceY < height)) {
        out[at] = outsideR
        out[at + 1] = outsideG
        out[at + 2] = outsideB
        continue
      }
      const left = Math.floor(sourceX)
      const top = Math.floor(sourceY)
      const u = sourceX - left
      const v = sourceY - top
      const w00 = (1 - u) * (1 - v)
      const w01 = u * (1 - v)
      const w10 = (1 - u) * v
      const w11 = u * v
      const p = (top + 1) * stride + (left + 1) * 3
      const q = p + stride
      paint(
        at,
        w00 * framed[p] + w01 * framed[p + 3] + w10 * framed[q] + w11 * framed[q + 3],
        w00 * framed[p + 1] + w01 * framed[p + 4] + w10 * framed[q + 1] + w11 * framed[q + 4],
        w00 * framed[p + 2] + w01 * framed[p + 5] + w10 * framed[q + 2] + w11 * framed[q + 5],
      )
    }
  }
  return { width, height, data: out }
}

/** The picture with one pixel of background on every side, [height + 2, width + 2, 3]: sampling needs no border cases. */
function withFrame({ width, height, data }: RgbImage, background: readonly number[]): Uint8Array {
  const stride = (width + 2) * 3
  const out = new Uint8Array(stride * (height + 2))
  for (let i = 0; i < out.length; i++) out[i] = background[i % 3]
  for (let y = 0; y < height; y++) out.set(data.subarray(y * width * 3, (y + 1) * width * 3), (y + 1) * stride + 3)
  return out
}
