import sharp from "sharp"
import { expect, it } from "vitest"
import { UserError } from "../../errors.js"
import { decodePicture, uprightFile } from "./pictures.js"

const noise = (width: number, height: number) =>
  sharp(Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 256)), {
    raw: { width, height, channels: 3 },
  })

it.each<[string, string | Uint8Array]>([
  ["nothing", ""],
  ["a page that says 404", "<!doctype html><html><body>404</body></html>"],
  [
    "a drawing",
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>',
  ],
  ["a list of users", "root:x:0:0:root:/root:/bin/bash\n"],
  ["a JPEG's first bytes", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16)],
])("%s is no picture: it is neither decoded nor sent", async (name, content) => {
  const picture = { bytes: new Uint8Array(Buffer.from(content as string)), name }
  for (const work of [decodePicture, uprightFile]) {
    const error: unknown = await work(picture).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect((error as UserError).where).toContain(name)
  }
})

it("a picture that is turned by its tag is sent upright, any other as it lies", async () => {
  const turned = new Uint8Array(await noise(8, 4).withMetadata({ orientation: 6 }).jpeg().toBuffer())
  const sent = await uprightFile({ bytes: turned, name: "turned" })
  expect(await sharp(sent).metadata()).toMatchObject({ width: 4, height: 8, format: "png" })
  expect(await uprightFile({ bytes: turned, name: "turned", upright: false })).toBe(turned)
  const plain = new Uint8Array(await noise(8, 4).png().toBuffer())
  expect(await uprightFile({ bytes: plain, name: "plain" })).toBe(plain)
})
