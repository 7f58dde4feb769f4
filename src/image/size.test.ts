import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import sharp from "sharp"
import { afterAll, expect, it } from "vitest"
import { decodeImage } from "./decode.js"
import { qwenImage } from "./processors/qwen.js"
import { imageSize, imageTokens } from "./size.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-size-"))
afterAll(() => rmSync(folder, { recursive: true }))

const limits = { minPixels: 147456, maxPixels: 262144 }
const picture = (width: number, height: number) => ({ width, height, data: new Uint8Array(width * height * 3) })

it("counts the rows that the prepared picture has", () => {
  for (const [width, height] of [
    [400, 300],
    [31, 17],
    [600, 4],
  ]) {
    const [, rows, columns] = qwenImage(picture(width, height), limits).grid
    expect(imageTokens({ width, height }, "native", limits)).toBe((rows * columns) / 4)
    const side = Math.max(width, height)
    const [, squareRows, squareColumns] = qwenImage(picture(side, side), limits).grid
    expect(imageTokens({ width, height }, "pad", limits)).toBe((squareRows * squareColumns) / 4)
  }
})

it("refuses a long thin picture, padded to a square or not", () => {
  for (const aspect of ["pad", "native"] as const) {
    expect(() => imageTokens({ width: 1, height: 300 }, aspect, limits)).toThrow(
      /1 × 300: one side is more than 200 times/,
    )
    expect(imageTokens({ width: 1, height: 200 }, aspect, limits)).toBeGreaterThan(0)
  }
})

it("is that of the decoded picture, whatever the kind of file", async () => {
  const pictures = resolve(import.meta.dirname, "../../test/fixtures/images")
  let compared = 0
  for (const name of readdirSync(pictures).filter((name) => /\.(avif|gif|jpg|png|tiff|webp)$/.test(name))) {
    const file = join(pictures, name)
    const decoded = await decodeImage(file).catch(() => undefined)
    if (!decoded) continue
    expect({ name, ...(await imageSize(file)) }).toEqual({ name, width: decoded.width, height: decoded.height })
    compared++
  }
  expect(compared).toBeGreaterThan(150)
})

it("reads the size of a file, and says what else it is", async () => {
  const file = join(folder, "a.png")
  await sharp({ create: { width: 7, height: 5, channels: 3, background: "red" } }).toFile(file)
  expect(await imageSize(file)).toEqual({ width: 7, height: 5 })
  const text = join(folder, "text.png")
  writeFileSync(text, "text")
  await expect(imageSize(text)).rejects.toThrow(/^the image cannot be decoded/)
  await expect(imageSize(join(folder, "none.png"))).rejects.toThrow(/there is no such image/)
  const pipe = join(folder, "pipe.png")
  execFileSync("mkfifo", [pipe])
  await expect(imageSize(pipe)).rejects.toThrow(/not a regular file/)
})
