/** The colours of a decoded AVIF, by the ways that Pillow's library has for each kind. */

import type { Sharp } from "sharp"
import { UserError } from "../../errors.js"
import { inTurns, overRows, type Work } from "../../in-turns.js"
import type { RgbImage } from "../rgb.js"
import type { AvifColour } from "./avif.js"
import { storedSamples } from "./stored-samples.js"
import { type Planes, yuvConstants, yuvToRgb } from "./yuv.js"
import { floatToRgb, isFloatMatrix } from "./yuv-float.js"

const FIX = "save it as PNG"

/**
 * @param image an AVIF that gives its planes as they are stored
 * @throws UserError for colours that Pillow cannot read either, or that are not known here
 */
export async function decodeAvif(image: Sharp, colour: AvifColour, where: string): Promise<RgbImage> {
  const { isTransparent, ...planes } = await planesOf(image, colour)
  const { isGrey, matrix, primaries, isFull, depth, shiftX, shiftY, isPremultiplied } = colour
  const constants = yuvConstants(matrix, primaries, isFull)
  // Without transparency grey goes by libavif's own formulas, and more than 8 bits are cut to 8 first.
  if (!constants || (isGrey && !isTransparent)) {
    if (!isFloatMatrix(colour))
      throw new UserError(`the AVIF's colours are of a kind that cannot be read (matrix ${matrix})`, {
        where,
        fix: FIX,
      })
    if (isPremultiplied && isTransparent)
      throw new UserError("the AVIF's colours are multiplied by its transparency, in a kind that cannot be read", {
        where,
        fix: FIX,
      })
    return inTurns(floatToRgb(planes, colour))
  }
  const isSmall = shiftX + shiftY > 0
  const isNearest = depth === 12 && isTransparent && shiftY === 1
  const isDeep = isTransparent && !isGrey && (depth === 10 || isNearest)
  const used: AvifColour["depth"] = isDeep ? depth : 8
  const cut = { ...planes, spare: planes.spare + depth - used }
  const layout = { constants, depth: used, isGrey, shiftX, shiftY, isNearest: isNearest && isSmall }
  const rgb = await inTurns(yuvToRgb(cut, layout))
  if (isPremultiplied && isTransparent) {
    // Where colours are looked at together with the transparency its upper bits count, else it is rounded.
    const isRounded = isGrey || isNearest
    await inTurns(unmultiply(rgb, planes, depth, isRounded))
  }
  return rgb
}

async function planesOf(image: Sharp, { depth }: AvifColour): Promise<Planes & { isTransparent: boolean }> {
  const { hasAlpha: isTransparent } = await image.metadata()
  const isDeep = depth > 8
  return {
    ...(await storedSamples(image, isDeep ? "rgb16" : "srgb", isDeep)),
    spare: isDeep ? 16 - depth : 0,
    isTransparent,
  }
}

/** Divides colours by the transparency as libyuv does, by a table of reciprocals with 8 fractional bits; in place. */
function* unmultiply({ width, height, data }: RgbImage, planes: Planes, depth: number, isRounded: boolean) {
  const reciprocals = Uint32Array.from({ length: 256 }, (_, alpha) =>
    alpha === 0 ? 0 : alpha === 1 ? 0xffff : alpha === 255 ? 0x100 : Math.floor(0x10000 / alpha),
  )
  const { samples, channels, spare } = planes
  const largest = 2 ** depth - 1
  const work: Work<undefined> = overRows(height, width * 8, (from, until) => {
    for (let pixel = from * width; pixel < until * width; pixel++) {
      const stored = samples[pixel * channels + channels - 1] >> spare
      const alpha = isRounded ? Math.floor(0.5 + (stored / largest) * 255) : stored >> (depth - 8)
      for (let at = 3 * pixel; at < 3 * pixel + 3; at++) {
        const quotient = Math.floor((data[at] * 0x0101 * reciprocals[alpha]) / 65536)
        // x86 takes what exceeds 15 bits for negative: colours far above a transparency of 1, which no encoder means.
        data[at] = quotient < 0x8000 ? Math.min(255, quotient) : 0
      }
    }
  })
  return yield* work
}
