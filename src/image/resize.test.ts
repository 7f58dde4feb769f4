/** Resizing: Pillow's bytes for every kernel, and what holds for any image. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { expectedImages, imagePath, sha256 } from "../../test/support/images.js"
import { decodeImage, type RgbImage } from "./decode.js"
import { resize } from "./resize.js"

const side = fc.integer({ min: 1, max: 60 })
const kernel = fc.constantFrom("box", "hamming", "bilinear", "bicubic", "lanczos")
const image: fc.Arbitrary<RgbImage> = fc
  .tuple(side, side)
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      .map((data) => ({ width, height, data })),
  )

describe("the same bytes as Pillow", () => {
  it.each(expectedImages.resized)("$source $kernel $size", async ({ source, kernel, size, sha256: digest }) => {
    const resized = resize(await decodeImage(imagePath(source)), ...size, kernel)
    expect([resized.width, resized.height]).toEqual(size)
    expect(sha256(resized.data)).toBe(digest)
  })
})

describe("any image", () => {
  it("of one colour keeps it", () => {
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        kernel,
        fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)),
        (w, h, w2, h2, k, color) => {
          const data = Uint8Array.from({ length: w * h * 3 }, (_, i) => color[i % 3])
          const out = resize({ width: w, height: h, data }, w2, h2, k)
          expect(out.data).toEqual(Uint8Array.from({ length: w2 * h2 * 3 }, (_, i) => color[i % 3]))
        },
      ),
    )
  })

  it("of the wanted size comes back as a copy", () => {
    fc.assert(
      fc.property(image, kernel, (source, k) => {
        const out = resize(source, source.width, source.height, k)
        expect(out).toEqual(source)
        expect(out.data.buffer).not.toBe(source.data.buffer)
      }),
    )
  })

  it("turned upside down gives the result upside down where one side changes", () => {
    const flipped = ({ width, height, data }: RgbImage): RgbImage => {
      const out = new Uint8Array(data.length)
      for (let y = 0; y < height; y++) {
        out.set(data.subarray(y * width * 3, (y + 1) * width * 3), (height - 1 - y) * width * 3)
      }
      return { width, height, data: out }
    }
    fc.assert(
      fc.property(image, side, kernel, (source, width, k) => {
        expect(resize(flipped(source), width, source.height, k)).toEqual(
          flipped(resize(source, width, source.height, k)),
        )
      }),
    )
  })

  it("stays inside its own range of values with the bilinear kernel, which has no negative weights", () => {
    fc.assert(
      fc.property(image, side, side, (source, width, height) => {
        const out = resize(source, width, height, "bilinear")
        const range = (data: Uint8Array) => [
          data.reduce((a, b) => Math.min(a, b)),
          data.reduce((a, b) => Math.max(a, b)),
        ]
        const [low, high] = range(source.data)
        const [least, most] = range(out.data)
        expect(least).toBeGreaterThanOrEqual(low)
        expect(most).toBeLessThanOrEqual(high)
      }),
    )
  })
})
