/** Valid pictures of every kind the decoder takes, as bytes. */

import sharp, { type Sharp } from "sharp"

export interface Picture {
  name: string
  bytes: Buffer
}

const WIDTH = 40
const HEIGHT = 24

/** Two frames of noise, one above the other, so that nothing compresses away. */
function pixels(channels: number, frames = 1): Buffer {
  const bytes = Buffer.alloc(WIDTH * HEIGHT * channels * frames)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + ((i * i) >> 5)) & 255
  return bytes
}

const of = (channels: 1 | 3 | 4) => sharp(pixels(channels), { raw: { width: WIDTH, height: HEIGHT, channels } })

const animated = () =>
  sharp(pixels(3, 2), { raw: { width: WIDTH, height: HEIGHT * 2, channels: 3, pageHeight: HEIGHT } } as object)

/** 24-bit BMP, which sharp does not write. */
function bmp(): Buffer {
  const stride = WIDTH * 3
  const header = Buffer.alloc(54)
  header.write("BM")
  header.writeUInt32LE(54 + stride * HEIGHT, 2)
  header.writeUInt32LE(54, 10)
  header.writeUInt32LE(40, 14)
  header.writeInt32LE(WIDTH, 18)
  header.writeInt32LE(HEIGHT, 22)
  header.writeUInt16LE(1, 26)
  header.writeUInt16LE(24, 28)
  return Buffer.concat([header, pixels(3)])
}

/** One of each: the name's ending is the format. */
export async function writePictures(): Promise<Picture[]> {
  const turned = { orientation: 6 }
  const made: [string, Sharp][] = [
    ["rgb.png", of(3).png()],
    ["alpha.png", of(4).png()],
    ["palette.png", of(4).png({ palette: true })],
    ["grey16.png", of(1).toColourspace("grey16").png()],
    ["rgb16.png", of(3).toColourspace("rgb16").png()],
    ["interlaced.png", of(3).png({ progressive: true })],
    ["plain.jpeg", of(3).jpeg()],
    ["progressive.jpeg", of(3).jpeg({ progressive: true })],
    ["turned.jpeg", of(3).withMetadata(turned).jpeg()],
    ["cmyk.jpeg", of(3).toColourspace("cmyk").jpeg()],
    ["grey.jpeg", of(1).toColourspace("b-w").jpeg()],
    ["still.gif", of(4).gif()],
    ["animated.gif", animated().gif()],
    ["lossy.webp", of(4).webp()],
    ["lossless.webp", of(3).webp({ lossless: true })],
    ["animated.webp", animated().webp()],
    ["none.tiff", of(3).tiff({ compression: "none" })],
    ["lzw.tiff", of(4).tiff({ compression: "lzw" })],
    [
      "tiles.tiff",
      of(3).withMetadata(turned).tiff({ tile: true, tileWidth: 16, tileHeight: 16, compression: "deflate" }),
    ],
    ["jpeg.tiff", of(3).tiff({ compression: "jpeg" })],
    ["plain.avif", of(3).avif({ effort: 0 })],
    ["turned.avif", of(4).withMetadata(turned).avif({ effort: 0 })],
  ]
  const pictures = await Promise.all(made.map(async ([name, image]) => ({ name, bytes: await image.toBuffer() })))
  return [...pictures, { name: "plain.bmp", bytes: bmp() }]
}
