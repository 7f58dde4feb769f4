import sharp from "sharp"
import { expect, test } from "vitest"
import { thumbnail } from "./thumbnail.js"

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 40 } } })
    .jpeg()
    .toBuffer()

test.each([
  [400, 100, 192, 48],
  [20, 30, 20, 30],
])("%i × %i becomes %i × %i, as PNG", async (width, height, toWidth, toHeight) => {
  const made = await sharp(await thumbnail(await picture(width, height), 192)).metadata()
  expect(made).toMatchObject({ format: "png", width: toWidth, height: toHeight })
})
