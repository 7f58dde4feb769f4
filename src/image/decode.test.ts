/** Decoding: Pillow's bytes for every format, a sentence for everything that is no image, and never a crash. */

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import sharp from "sharp"
import { describe, expect, it, onTestFinished } from "vitest"
import { expectedImages, imagePath, sha256 } from "../../test/support/images.js"
import { UserError } from "../errors.js"
import { decodeImage, isTurnedByExif } from "./decode.js"

const names = Object.keys(expectedImages.decoded)
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(imagePath(name)))

async function failure(source: string | Uint8Array): Promise<UserError> {
  const error = await decodeImage(source).then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toBeInstanceOf(UserError)
  return error
}

/** A PNG whose header promises 60000 × 60000 pixels of RGB and that has none: signature, IHDR, IDAT, IEND. */
const PROMISE = [
  "89504e470d0a1a0a",
  "0000000d494844520000ea600000ea6008020000000fb0e215",
  "000000004944415435af061e",
  "0000000049454e44ae426082",
]

describe("the same bytes as Pillow", () => {
  it.each(names)("%s", async (name) => {
    const image = await decodeImage(imagePath(name))
    const { size, sha256: digest } = expectedImages.decoded[name]
    expect([image.width, image.height]).toEqual(size)
    expect(sha256(image.data)).toBe(digest)
  })

  it("gives the same for a path and for bytes, and leaves the bytes alone", async () => {
    for (const name of [
      "still.gif",
      "gif-full-table.gif",
      "rgb.png",
      "transparent.gif",
      "turned-rgb-6.tiff",
      "grey-16-key.png",
    ]) {
      const bytes = readFileSync(imagePath(name))
      const before = sha256(bytes)
      expect(sha256((await decodeImage(bytes)).data)).toBe(expectedImages.decoded[name].sha256)
      expect(sha256(bytes)).toBe(before)
    }
  })
})

describe("what Pillow cannot read", () => {
  it("is read where TIFF says how: YCbCr that is not compressed", async () => {
    for (const [name, twin] of [
      ["refused-ycbcr-11.tiff", "ycbcr-11.tiff"],
      ["refused-ycbcr-unsaid.tiff", "ycbcr-22.tiff"],
    ])
      expect(sha256((await decodeImage(imagePath(name))).data), name).toBe(expectedImages.decoded[twin].sha256)
  })

  it("and what would get other colours is refused", async () => {
    for (const [name, message, fix] of [
      [
        "ycbcr-wrong.tiff",
        "the TIFF is in YCbCr and does not say how its colours are sampled (YCbCrSubSampling)",
        "convert it to RGB",
      ],
      ["lab.tiff", "TIFF images in CIE L*a*b* are not supported", "convert it to RGB"],
      ["samples.tiff", "the TIFF has 6 samples a pixel, more than the 5 that can be read", "convert it to RGB"],
      [
        "zstandard.tiff",
        "TIFF images compressed by Zstandard are not supported",
        "save it with LZW or Deflate, or as PNG",
      ],
      ["matrix.avif", "the AVIF's colours are of a kind that cannot be read (matrix 10)", "save it as PNG"],
    ]) {
      const error = await failure(imagePath(`refused-${name}`))
      expect([error.message, error.fix], name).toEqual([message, fix])
    }
  })
})

describe("what cannot be decoded gets a sentence", () => {
  it("a missing file, a folder, an empty file", async () => {
    expect(await failure("no/such.png")).toMatchObject({ message: "there is no such image", where: "no/such.png" })
    expect((await failure("")).format()).toMatch(/^"": there is no such image\n/)
    expect((await failure(tmpdir())).message).toBe("this is a folder, not an image")
    const folder = mkdtempSync(join(tmpdir(), "image-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const empty = join(folder, "empty.png")
    writeFileSync(empty, "")
    expect(await failure(empty)).toMatchObject({ message: "the image file is empty", where: empty })
    expect((await failure(new Uint8Array(0))).message).toBe("the image file is empty")
    // A PNG of 2,147,483,647 × 1 pixels.
    const wide = Buffer.from("89504e470d0a1a0a0000000d494844527fffffff0000000108020000002f54a48a", "hex")
    expect((await failure(wide)).message).toBe("the image cannot be decoded (Input buffer has corrupt header)")
  })

  it("what would never end, or is no name of a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "image-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const pipe = join(folder, "pipe.png")
    execFileSync("mkfifo", [pipe])
    expect((await failure(pipe)).message).toBe("this is not a regular file")
    expect((await failure("/dev/zero")).message).toBe("this is not a regular file")
    const nul = await failure("a\0b.png")
    expect(nul).toMatchObject({ message: "the image's name contains a NUL character", where: "a\\u0000b.png" })
    const url = await failure(`data:image/png;base64,${"A".repeat(5000)}`)
    expect(url.message).toBe("the image is given as a data: URL")
    expect(url.where!.length).toBeLessThan(250)
    expect((await failure("https://example.org/a.png")).message).toBe("the image is given as an https: URL")
    expect((await failure("x".repeat(5000))).message).toBe("the image's name is too long")
    expect((await failure(join(imagePath("rgb.png"), "a.png"))).message).toBe("there is no such image")
  })

  it("a file that is too large, without reading it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "image-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const sparse = join(folder, "large.png")
    writeFileSync(sparse, "")
    truncateSync(sparse, 2 ** 40)
    expect((await failure(sparse)).message).toBe("the image's file has 1048576 MiB, more than the 512 MiB allowed")
  })

  it("text, a drawing, BMP", async () => {
    const text = await failure(Buffer.from("<!doctype html><p>404 not found</p>"))
    expect(text.message).toMatch(/^the image cannot be decoded \(.*unsupported image format\)$/)
    expect(text.fix).toMatch(/undamaged/)
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
    expect((await failure(Buffer.from(svg))).message).toBe("svg images are not supported")
    expect((await failure(imagePath("refused.bmp"))).message).toBe("BMP images are not supported")
  })

  it("more pixels than Pillow accepts, told by the header alone", async () => {
    const error = await failure(Buffer.from(PROMISE.join(""), "hex"))
    expect(error.message).toBe("the image has 60000 × 60000 pixels, more than the 178956970 allowed")
  })

  it("more memory than a picture may take, told by the header alone", async () => {
    // The same promise at 13,000 × 13,000, within Pillow's pixels: 8 bits row by row would do, 16 bits interlaced not.
    const header = new Uint8Array(Buffer.from(PROMISE.join(""), "hex"))
    new DataView(header.buffer).setUint32(16, 13_000)
    new DataView(header.buffer).setUint32(20, 13_000)
    header[24] = 16
    header[28] = 1
    const crc = new DataView(header.buffer)
    crc.setUint32(29, crc32(header.subarray(12, 29)))
    const error = await failure(header)
    expect(error.message).toBe(
      "decoding the image (13000 × 13000 pixels) would take 1453 MiB, more than the 768 MiB allowed",
    )
    const gif = new Uint8Array(bytesOf("still.gif"))
    gif.set([0x00, 0xff, 0x00, 0xff], 6) // a canvas of 65,280 × 65,280
    expect((await failure(gif)).message).toMatch(/65280 × 65280 pixels, more than the 178956970 allowed/)
  })

  it("turning takes a second picture: 10,500 × 10,500 would do as they are", async () => {
    const upright = bytesOf("turned-rgb-1.tiff")
    const turned = bytesOf("turned-rgb-6.tiff")
    for (const bytes of [upright, turned]) {
      const view = new DataView(bytes.buffer)
      const directory = view.getUint32(4, true)
      for (const entry of [0, 1]) {
        const at = directory + 2 + 12 * entry
        expect(view.getUint16(at, true)).toBe(256 + entry) // width, height
        view.setUint16(at + 2, 4, true)
        view.setUint32(at + 8, 10_500, true)
      }
    }
    expect((await failure(upright)).message).toMatch(/^the image cannot be decoded/) // as there are no such rows
    expect((await failure(turned)).message).toBe(
      "decoding the image (10500 × 10500 pixels) would take 948 MiB, more than the 768 MiB allowed",
    )
  })

  it("a file that ends early", async () => {
    for (const name of ["rgb.png", "420.jpg", "progressive.jpg", "cmyk.jpg", "lossless.webp", "rgb.tiff"]) {
      const bytes = bytesOf(name)
      const error = await failure(bytes.subarray(0, Math.floor(bytes.length * 0.6)))
      expect(error.message, name).toMatch(/^the image cannot be decoded \(/)
    }
  })
})

function crc32(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

describe("damaged files give an image or a sentence, never anything else", () => {
  async function survives(bytes: Uint8Array): Promise<"image" | "sentence"> {
    const outcome = await decodeImage(bytes).catch((error) => error)
    if (outcome instanceof UserError) return "sentence"
    if (outcome instanceof Error) throw outcome
    expect(outcome.data.length).toBe(outcome.width * outcome.height * 3)
    return "image"
  }

  it("random bytes, with and without a known beginning", async () => {
    const beginnings = names.map((name) => bytesOf(name).subarray(0, 24))
    const input = fc.tuple(fc.constantFrom(new Uint8Array(0), ...beginnings), fc.uint8Array({ maxLength: 200 }))
    let refused = 0
    await fc.assert(
      fc.asyncProperty(input, async ([beginning, rest]) => {
        if ((await survives(Buffer.concat([beginning, rest]))) === "sentence") refused++
      }),
      { numRuns: 300 },
    )
    expect(refused).toBeGreaterThan(150)
  })

  it("every image cut anywhere", async () => {
    let refused = 0
    for (const name of names) {
      const bytes = bytesOf(name)
      const step = Math.max(1, Math.floor(bytes.length / 24))
      for (let end = 1; end < bytes.length; end += step)
        if ((await survives(bytes.subarray(0, end))) === "sentence") refused++
    }
    expect(refused).toBeGreaterThan(10 * names.length)
  })

  it("every image with bytes changed", async () => {
    const damage = fc.tuple(
      fc.constantFrom(...names),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
    )
    const seen = { image: 0, sentence: 0 }
    await fc.assert(
      fc.asyncProperty(damage, async ([name, changes]) => {
        const bytes = bytesOf(name)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        seen[await survives(bytes)]++
      }),
      { numRuns: 500 },
    )
    expect(seen.image).toBeGreaterThan(50)
    expect(seen.sentence).toBeGreaterThan(50)
  })
})

it("lossless files come back as they were written", async () => {
  const size = fc.record({ width: fc.integer({ min: 1, max: 24 }), height: fc.integer({ min: 1, max: 24 }) })
  const image = size.chain(({ width, height }) =>
    fc
      .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      .map((data) => ({ width, height, data })),
  )
  await fc.assert(
    fc.asyncProperty(image, async ({ width, height, data }) => {
      const png = await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer()
      expect(await decodeImage(png)).toEqual({ width, height, data })
    }),
    { numRuns: 60 },
  )
})

describe("pictures as datasets of the hub have them", () => {
  const gradient = (): Uint8Array => Uint8Array.from({ length: 12 * 7 * 3 }, (_, i) => (i * 37) % 251)
  const file = (orientation: number, format: "png" | "webp") =>
    sharp(gradient(), { raw: { width: 12, height: 7, channels: 3 } })
      .withMetadata({ orientation })
      .toFormat(format, { lossless: true })
      .toBuffer()

  it("are turned as EXIF says where that is asked for, and known before they are decoded", async () => {
    for (const format of ["png", "webp"] as const)
      for (let orientation = 1; orientation <= 8; orientation++) {
        const bytes = await file(orientation, format)
        const plain = await decodeImage(bytes)
        expect([plain.width, plain.height]).toEqual([12, 7])
        const { data, info } = await sharp(bytes).rotate().raw().toBuffer({ resolveWithObject: true })
        const upright = await decodeImage(bytes, { upright: true })
        expect([upright.width, upright.height]).toEqual([info.width, info.height])
        expect(sha256(upright.data)).toBe(sha256(new Uint8Array(data)))
        expect(await isTurnedByExif(bytes, "it")).toBe(orientation > 1)
      }
  })

  it("may end too early", async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251)
    const whole = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer()
    const bytes = whole.subarray(0, whole.length >> 1)
    await failure(bytes)
    const [expected, cut] = [await decodeImage(whole), await decodeImage(bytes, { cut: true })]
    expect(cut.data.subarray(0, 64 * 8 * 3)).toEqual(expected.data.subarray(0, 64 * 8 * 3))
    expect(cut.data).toHaveLength(expected.data.length)
  })
})
