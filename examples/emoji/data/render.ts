/** One SVG drawing to one square picture: cropped to what is drawn, on white. Knows no names and no vendors. */

import sharp from "sharp"

/** Share of the side that the longer side of the drawing takes. */
const FILL = 0.92

/** A picture needs this share of clearly non-white pixels; below it the drawing is white on white. */
const MINIMUM_INK = 0.02
/** A pixel whose darkest channel is below this is seen against white. */
const INK_BELOW = 240

/**
 * Rasterises a drawing at several times the size, crops it to its alpha box, lays it on white and scales it down.
 * Laying on white before resizing weighs colours by alpha, as premultiplying does: no dark or light fringes.
 * @returns PNG bytes of size × size RGB, or undefined when nothing is drawn
 */
export async function renderDrawing(svg: string, size: number): Promise<Buffer | undefined> {
  const { data, info } = await sharp(Buffer.from(svg), { density: 72 })
    .resize(size * 3, size * 3, { fit: "inside" })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const box = alphaBox(data, info.width, info.height)
  if (!box) return undefined

  const inner = Math.round(size * FILL)
  const scale = inner / Math.max(box.width, box.height)
  const width = Math.max(1, Math.round(box.width * scale))
  const height = Math.max(1, Math.round(box.height * scale))
  const left = Math.floor((size - width) / 2)
  const top = Math.floor((size - height) / 2)
  return sharp(data, { raw: { width: info.width, height: info.height, channels: 4 } })
    .extract(box)
    .flatten({ background: "white" })
    .resize(width, height, { fit: "fill" })
    .extend({ left, top, right: size - width - left, bottom: size - height - top, background: "white" })
    .png({ compressionLevel: 6 })
    .toBuffer()
}

/** Whether enough of a picture differs from its white background to be seen. */
export async function isVisible(png: Uint8Array): Promise<boolean> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  let ink = 0
  for (let i = 0; i < data.length; i += info.channels) {
    let darkest = 255
    for (let c = 0; c < info.channels; c++) darkest = Math.min(darkest, data[i + c])
    if (darkest < INK_BELOW) ink++
  }
  return ink >= MINIMUM_INK * info.width * info.height
}

/** The smallest box around every pixel that is not fully transparent. */
function alphaBox(rgba: Uint8Array, width: number, height: number) {
  let left = width
  let right = -1
  let top = height
  let bottom = -1
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (rgba[4 * (y * width + x) + 3] === 0) continue
      if (x < left) left = x
      if (x > right) right = x
      if (y < top) top = y
      bottom = y
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 }
}
