import sharp from "sharp"
import { expect, test } from "vitest"
import { isVisible, renderDrawing } from "./render.js"

const svg = (body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="100" height="100">${body}</svg>`

async function pixels(png: Buffer) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  return (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)]
}

test("a drawing in a corner is cropped, centred and scaled to 92 %", async () => {
  const at = await pixels(
    (await renderDrawing(svg('<rect x="70" y="80" width="20" height="10" fill="#0000ff"/>'), 50))!,
  )
  expect(at(25, 25)).toEqual([0, 0, 255])
  expect(at(4, 25)).toEqual([0, 0, 255])
  expect(at(45, 25)).toEqual([0, 0, 255])
  expect(at(1, 25)).toEqual([255, 255, 255])
  expect(at(25, 10)).toEqual([255, 255, 255])
  expect(at(25, 39)).toEqual([255, 255, 255])
})

test("half-transparent colours are mixed with white, and edges have no dark fringe", async () => {
  const png = (await renderDrawing(svg('<circle cx="50" cy="50" r="40" fill="#ff0000" fill-opacity="0.5"/>'), 50))!
  const at = await pixels(png)
  expect(at(25, 25)[0]).toBe(255)
  expect(Math.abs(at(25, 25)[1] - 128)).toBeLessThanOrEqual(1)
  const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  let darkestRed = 255
  for (let i = 0; i < data.length; i += 3) darkestRed = Math.min(darkestRed, data[i])
  expect(darkestRed).toBe(255)
})

test("nothing drawn gives nothing, white on white is not visible, a thin outline is", async () => {
  expect(await renderDrawing(svg(""), 50)).toBeUndefined()
  expect(await isVisible((await renderDrawing(svg('<rect width="100" height="100" fill="#fdfdfd"/>'), 50))!)).toBe(
    false,
  )
  const outline = svg('<circle cx="50" cy="50" r="45" fill="white" stroke="black" stroke-width="2"/>')
  expect(await isVisible((await renderDrawing(outline, 50))!)).toBe(true)
})
