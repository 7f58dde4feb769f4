import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { expect, it } from "vitest"
import { forEachTest } from "../../test/support/test-folders.js"
import { drawStamps, readStamps } from "./stamps.js"

let root: string
let out: string
forEachTest("stamps-", (folder) => {
  root = join(folder, "stamps")
  out = join(folder, "drawn")
  mkdirSync(root)
})
const write = (name: string, content: string | Buffer): void => {
  mkdirSync(join(root, name, ".."), { recursive: true })
  writeFileSync(join(root, name), content)
}

it("reads what a stamp is called, and draws it on white", async () => {
  // Half of it is transparent, over black.
  const half = Buffer.from(Array.from({ length: 32 }, (_, i) => (i % 4 < 2 ? [0, 0, 0, 0] : [200, 0, 0, 255])).flat())
  const png = await sharp(half, { raw: { width: 4, height: 8, channels: 4 } })
    .png()
    .toBuffer()
  write("animals/cat.png", png)
  write("animals/cat_mirror.png", png)
  write("animals/cat.txt", "A cat.\nde.utf8=Eine Katze.\n")
  write(
    "town/a.svg",
    `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8" fill="blue"/></svg>`,
  )
  write("town/a.png", png)
  write("town/a.txt", "A wall.\r\nde.utf8=Eine Mauer.\n")
  write("town/nothing.txt", "No picture.\n")
  write("town/b.png", png)
  write("town/b.txt", "\nde.utf8=Ohne Namen.\n")
  const stamps = readStamps(root)
  expect(stamps).toEqual([
    { picture: join(root, "animals/cat.png"), text: "A cat." },
    { picture: join(root, "town/a.svg"), text: "A wall." },
  ])
  const drawn: number[] = []
  const captions = await drawStamps(stamps, out, { size: 8, onDrawn: (done) => drawn.push(done) })
  expect(captions).toEqual([
    { image: "0.png", text: "A cat." },
    { image: "1.png", text: "A wall." },
  ])
  expect(drawn).toEqual([1, 2])
  const pixels = async (image: string): Promise<number[][]> => {
    const { data, info } = await sharp(join(out, image)).raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height, info.channels]).toEqual([8, 8, 3])
    return [0, 3, 5].map((x) => [...data.subarray((4 * 8 + x) * 3, (4 * 8 + x) * 3 + 3)])
  }
  // Four columns in the middle of eight; the first two of them show the ground.
  expect(await pixels("0.png")).toEqual([
    [255, 255, 255],
    [255, 255, 255],
    [200, 0, 0],
  ])
  expect(await pixels("1.png")).toEqual([0, 1, 2].map(() => [0, 0, 255]))
})

it("says what is wrong", async () => {
  expect(() => readStamps(root)).toThrow(/no stamps with texts/)
  write("broken/x.png", "no picture")
  write("broken/x.txt", "X.\n")
  await expect(drawStamps(readStamps(join(root, "broken")), out, { size: 8 })).rejects.toMatchObject({
    message: expect.stringContaining("cannot be read"),
    where: join(root, "broken/x.png"),
  })
})
