/** The first frame of a GIF on its canvas, as Pillow's `convert("RGB")` gives it. */

import { UserError } from "../../errors.js"
import { overRows, type Work } from "../../in-turns.js"
import type { RgbImage } from "../rgb.js"
import { lzwIndices } from "./gif-lzw.js"

const EXTENSION = 0x21
const GRAPHIC_CONTROL = 0xf9
const IMAGE = 0x2c
const TRAILER = 0x3b

/** What stands before the pixels of the first frame. */
export interface GifFrame {
  /** The canvas, which Pillow makes large enough for the frame. */
  width: number
  height: number
  left: number
  top: number
  frameWidth: number
  frameHeight: number
  interlaced: boolean
  /** Red, green and blue of up to 256 colours; undefined where an index is a grey. */
  palette?: Uint8Array
  /** Index of the canvas where the frame does not cover it. */
  background: number
  /** Bits of a colour index in the compressed data, and where that starts. */
  bits: number
  at: number
}

export const isGif = (bytes: Uint8Array): boolean =>
  /^GIF8[79]a$/.test(String.fromCharCode(...bytes.subarray(0, Math.min(6, bytes.length))))

/** @throws UserError when the file ends before the first frame's pixels */
export function readGifFrame(bytes: Uint8Array, where: string): GifFrame {
  const need = (end: number): void => {
    if (end > bytes.length) throw damaged("it ends before its first frame", where)
  }
  const u16 = (at: number): number => bytes[at] | (bytes[at + 1] << 8)
  const colours = (flags: number): number => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0)
  need(13)
  const canvas = [u16(6), u16(8)]
  let at = 13 + colours(bytes[10])
  const global = paletteOf(bytes.subarray(13, at))
  let transparent: number | undefined
  for (;;) {
    need(at + 1)
    const block = bytes[at++]
    if (block === TRAILER) throw damaged("it has no frame", where)
    if (block === EXTENSION) {
      need(at + 2)
      const [label, length] = bytes.subarray(at, at + 2)
      if (label === GRAPHIC_CONTROL && length >= 4) {
        need(at + 6)
        if (bytes[at + 2] & 1) transparent = bytes[at + 5]
      }
      at++
      for (need(at + 1); bytes[at] !== 0; need(at + 1)) at += bytes[at] + 1
      at++
    } else if (block === IMAGE) {
      need(at + 9)
      const [left, top, frameWidth, frameHeight] = [0, 2, 4, 6].map((offset) => u16(at + offset))
      const flags = bytes[at + 8]
      const palette = paletteOf(bytes.subarray(at + 9, at + 9 + colours(flags))) ?? global
      at += 9 + colours(flags)
      need(at + 1)
      if (frameWidth * frameHeight === 0) throw damaged("its first frame has no pixels", where)
      const background = transparent ?? 0
      const [width, height] = [Math.max(canvas[0], left + frameWidth), Math.max(canvas[1], top + frameHeight)]
      const interlaced = (flags & 0x40) !== 0
      const frame = { left, top, frameWidth, frameHeight, interlaced, palette, background, bits: bytes[at], at: at + 1 }
      return { width, height, ...frame }
    }
  }
}

/** Undefined for no palette, and for one in which every index is its own grey: Pillow passes over it. */
function paletteOf(colours: Uint8Array): Uint8Array | undefined {
  return colours.some((value, i) => value !== Math.floor(i / 3)) ? colours : undefined
}

/** @throws UserError for compressed data that is damaged or ends early */
export function* decodeGifFrame(bytes: Uint8Array, frame: GifFrame, where: string): Work<RgbImage> {
  const { width, height, left, top, frameWidth, frameHeight, interlaced, palette, background } = frame
  const indices = yield* lzwIndices(bytes, frame.at, frame.bits, frameWidth * frameHeight, (what) =>
    damaged(what, where),
  )
  // Red, green and blue of every index; indices beyond a short palette are black.
  const colours = new Uint8Array(768)
  if (palette) colours.set(palette)
  else for (let i = 0; i < 768; i++) colours[i] = Math.floor(i / 3)
  const data = new Uint8Array(width * height * 3)
  const back = colours.subarray(3 * background, 3 * background + 3)
  yield* overRows(height, width * 3, (first, end) => {
    for (let at = first * width * 3; at < end * width * 3; at += 3) data.set(back, at)
  })
  const rowOf = interlaced ? interlacedRows(frameHeight) : undefined
  yield* overRows(frameHeight, frameWidth * 3, (first, end) => {
    for (let y = first, from = first * frameWidth; y < end; y++) {
      let to = ((top + (rowOf ? rowOf[y] : y)) * width + left) * 3
      for (let x = 0; x < frameWidth; x++, from++, to += 3) {
        const colour = indices[from] * 3
        data[to] = colours[colour]
        data[to + 1] = colours[colour + 1]
        data[to + 2] = colours[colour + 2]
      }
    }
  })
  return { width, height, data }
}

/** Rows in the order in which an interlaced frame stores them. */
function interlacedRows(height: number): number[] {
  const passes = [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ]
  const rows: number[] = []
  for (const [start, step] of passes) for (let y = start; y < height; y += step) rows.push(y)
  return rows
}

function damaged(what: string, where: string): UserError {
  return new UserError(`the image cannot be decoded (a GIF, but ${what})`, {
    where,
    fix: "use an undamaged GIF or a PNG",
  })
}
