/** AVIF as Pillow reads it: nothing is turned, mirrored or cropped, and an animation shows its first frame. */

import { type YuvLayout, yuvConstants } from "./yuv.js"

interface Box {
  type: string
  /** Where the box, its content and the next box start. */
  start: number
  content: number
  end: number
}

/** Boxes between two offsets, as far as they are whole. */
function boxes(bytes: Uint8Array, from: number, to: number): Box[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: Box[] = []
  for (let start = from; start + 8 <= to; ) {
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8))
    const size = view.getUint32(start)
    const isWide = size === 1 && start + 16 <= to
    const length = isWide ? Number(view.getBigUint64(start + 8)) : size === 0 ? to - start : size
    const content = start + (isWide ? 16 : 8)
    const end = start + length
    if (end < content || end > to) break
    found.push({ type, start, content, end })
    start = end
  }
  return found
}

const inside = (bytes: Uint8Array, parents: Box[], type: string, skip = 0): Box[] =>
  parents.filter((box) => box.type === type).flatMap((box) => boxes(bytes, box.content + skip, box.end))

/** Bytes of `meta`'s version and flags. */
const VERSION = 4
const ROTATION = "irot"
const MIRROR = "imir"
const CROP = "clap"
/** Aspect of the pixels: read by every decoder, applied by none. */
const HARMLESS = "pasp"

/** What a colour box of 11 bytes, `nclx`, says, and what the codec's configuration says in its third byte. */
const MATRIX = 9
const RANGE = 10
const FULL_RANGE = 0x80
const HIGH_BIT_DEPTH = 0x40
const MONOCHROME = 0x10
const HALF_COLUMNS = 0x08
const HALF_ROWS = 0x04
/** The matrix under which planes come out as they are stored. */
const IDENTITY = 0

export interface PillowAvif {
  bytes: Uint8Array
  /** Grey in 16 … 235, which the decoder, unlike Pillow's, does not stretch to 0 … 255. */
  isNarrowGrey: boolean
  /** How to turn the decoded planes into colours; undefined where the decoder does it. */
  yuv?: YuvLayout
}

/**
 * The same AVIF with rotation, mirroring and clean aperture made harmless, and an image sequence named as the still
 * picture that it holds too. Decoders round the conversion to RGB differently: where it can be done here, the planes
 * are asked for as they are stored. Undefined for anything that is not AVIF.
 */
export function asPillowReadsAvif(bytes: Uint8Array): PillowAvif | undefined {
  const brand = bytes.length > 16 ? String.fromCharCode(...bytes.subarray(4, 12)) : ""
  if (!/^ftyp(avif|avis|mif1|msf1)$/.test(brand)) return undefined
  const changed = new Uint8Array(bytes) // a copy, also of a Buffer
  const write = (text: string, at: number): void => changed.set(Buffer.from(text, "latin1"), at)
  if (/avis|msf1/.test(brand)) write("avif", 8)
  const meta = inside(bytes, boxes(bytes, 0, bytes.length), "meta", VERSION)
  const properties = inside(bytes, inside(bytes, meta, "iprp"), "ipco")
  for (const { type, start, content, end } of properties) {
    if ((type === ROTATION || type === MIRROR) && end > content) {
      write(ROTATION, start + 4)
      changed[content] = 0 // by no angle
    }
    if (type === CROP) write(HARMLESS, start + 4)
  }
  const colour = colourOf(bytes, properties)
  if (!colour) return { bytes: changed, isNarrowGrey: false }
  const { isGrey, isFull, matrix, codec, places } = colour
  const constants = isGrey || codec & HIGH_BIT_DEPTH ? undefined : yuvConstants(matrix, isFull)
  if (!constants) return { bytes: changed, isNarrowGrey: isGrey && !isFull }
  for (const place of places) {
    changed.set([0, IDENTITY], place + MATRIX - 1)
    changed[place + RANGE] |= FULL_RANGE
  }
  const [shiftX, shiftY] = [codec & HALF_COLUMNS ? 1 : 0, codec & HALF_ROWS ? 1 : 0]
  return { bytes: changed, isNarrowGrey: false, yuv: { constants, shiftX, shiftY } }
}

/** What all colour boxes and all codecs of the file agree on; undefined where they do not, or do not say it. */
function colourOf(bytes: Uint8Array, properties: readonly Box[]) {
  const boxesOf = (type: string, size: number): number[] =>
    properties.filter((box) => box.type === type && box.end >= box.content + size).map(({ content }) => content)
  const places = boxesOf("colr", RANGE + 1).filter(
    (at) => String.fromCharCode(...bytes.subarray(at, at + 4)) === "nclx",
  )
  const says = new Set(places.map((at) => bytes.subarray(at + MATRIX - 1, at + RANGE + 1).join()))
  // A plane of transparency is grey too: only where all planes are, the picture is.
  const all = boxesOf("av1C", 4).map((at) => bytes[at + 2] & 0x7c)
  const coloured = new Set(all.filter((codec) => !(codec & MONOCHROME)))
  if (says.size !== 1 || all.length === 0 || coloured.size > 1) return undefined
  const matrix = bytes[places[0] + MATRIX - 1] * 256 + bytes[places[0] + MATRIX]
  const isFull = (bytes[places[0] + RANGE] & FULL_RANGE) !== 0
  const [codec = MONOCHROME] = coloured
  return { isGrey: coloured.size === 0, isFull, matrix, codec, places }
}
