/** AVIF as Pillow reads it: nothing is turned, mirrored or cropped, and an animation shows its first frame. */

import { av1Colour } from "./av1-header.js"
import {
  associations,
  type Box,
  boxes,
  inside,
  isWideAssociation,
  itemStart,
  latin,
  primaryItem,
  references,
  VERSION,
} from "./avif-boxes.js"

const ROTATION = "irot"
const MIRROR = "imir"
const CROP = "clap"
/** Aspect of the pixels: read by every decoder, applied by none. */
const HARMLESS = "pasp"
/** Says that the colours are multiplied by the transparency, and a reference that says nothing. */
const PREMULTIPLIED = "prem"
const MEANINGLESS = "none"
const AUXILIARY = "auxC"

/** What a colour box of 11 bytes, `nclx`, says, and what the codec's configuration says in its third byte. */
const PRIMARIES = 5
const MATRIX = 9
const RANGE = 10
const FULL_RANGE = 0x80
const HIGH_BIT_DEPTH = 0x40
const TWELVE_BITS = 0x20
const MONOCHROME = 0x10
const HALF_COLUMNS = 0x08
const HALF_ROWS = 0x04
/** The matrix under which planes come out as they are stored. */
const IDENTITY = 0
const STORED_PLANES = [0, 0, 0, 19, ...Buffer.from("colrnclx"), 0, 2, 0, 2, 0, IDENTITY, FULL_RANGE]
/** Bytes of a picture's data in which its sequence header must be. */
const BEGINNING = 256

export interface AvifColour {
  /** Bits of a stored value. */
  depth: 8 | 10 | 12
  isGrey: boolean
  isFull: boolean
  /** Numbers of CICP. */
  primaries: number
  matrix: number
  /** 1 where the colour planes have half the columns, or half the rows. */
  shiftX: number
  shiftY: number
  /** Whether the colours are multiplied by the transparency. */
  isPremultiplied: boolean
}

export interface PillowAvif {
  bytes: Uint8Array
  /** How to turn the decoded planes into colours; undefined where the decoder does it. */
  colour?: AvifColour
}

/**
 * The same AVIF with rotation, mirroring and clean aperture made harmless, and an image sequence named as the still
 * picture that it holds too. Decoders round the conversion to RGB differently, so the planes are asked for as they are
 * stored: colour boxes say so, and one is added where there is none. Undefined for anything that is not AVIF.
 */
export function asPillowReadsAvif(bytes: Uint8Array): PillowAvif | undefined {
  const brand = bytes.length > 16 ? latin(bytes, 4) + latin(bytes, 8) : ""
  if (!/^ftyp(avif|avis|mif1|msf1)$/.test(brand)) return undefined
  const changed = new Uint8Array(bytes) // a copy, also of a Buffer
  const write = (text: string, at: number): void => changed.set(Buffer.from(text, "latin1"), at)
  if (/avis|msf1/.test(brand)) write("avif", 8)
  const [meta] = inside(bytes, [{ type: "", start: 0, content: 0, end: bytes.length }], "meta")
  if (!meta) return { bytes: changed }
  const [iprp] = inside(bytes, [meta], "iprp", VERSION)
  const [ipco] = iprp ? inside(bytes, [iprp], "ipco") : []
  if (!iprp || !ipco) return { bytes: changed }
  const properties = boxes(bytes, ipco.content, ipco.end)
  for (const { type, start, content, end } of properties) {
    if ((type === ROTATION || type === MIRROR) && end > content) {
      write(ROTATION, start + 4)
      changed[content] = 0 // by no angle
    }
    if (type === CROP) write(HARMLESS, start + 4)
  }
  try {
    const colour = colourOf(bytes, meta, iprp, properties)
    if (!colour) return { bytes: changed }
    const [iref] = inside(bytes, [meta], "iref", VERSION)
    for (const { start } of iref ? inside(bytes, [iref], PREMULTIPLIED, VERSION) : []) write(MEANINGLESS, start + 4)
    if (colour.isGrey) return { bytes: changed, colour }
    const places = properties.filter((box) => isColour(bytes, box))
    for (const { content } of places) {
      changed.set([0, IDENTITY], content + MATRIX - 1)
      changed[content + RANGE] |= FULL_RANGE
    }
    return { bytes: colour.isSaid ? changed : withColourBox(changed, meta, iprp, ipco, properties), colour }
  } catch (error) {
    // A table that ends early: the decoder has the word for it.
    if (error instanceof RangeError) return { bytes: changed }
    throw error
  }
}

const isColour = (bytes: Uint8Array, { type, content, end }: Box): boolean =>
  type === "colr" && end > content + RANGE && latin(bytes, content) === "nclx"

/** What the boxes of the picture say of its colours, or, where they do not, its data; undefined for what is unknown. */
function colourOf(bytes: Uint8Array, meta: Box, iprp: Box, properties: readonly Box[]) {
  const one = (type: string): Box | undefined => inside(bytes, [meta], type, VERSION)[0]
  const [pitm, iref, iloc, idat] = [one("pitm"), one("iref"), one("iloc"), one("idat")]
  if (!pitm) return undefined
  const primary = primaryItem(bytes, pitm)
  const owned = inside(bytes, [iprp], "ipma").flatMap((box) => associations(bytes, box))
  const propertiesOf = (item: number): Box[] =>
    owned
      .filter((entry) => entry.item === item)
      .flatMap((entry) => entry.properties.map((number) => properties[number - 1]))
      .filter((box) => box !== undefined)
  // A picture in tiles has its colours itself and its codec in the tiles.
  const coded = [primary, ...(iref ? references(bytes, iref, "dimg", primary) : [])]
  const codecOf = (item: number): Box | undefined =>
    propertiesOf(item).find((box) => box.type === "av1C" && box.end >= box.content + 4)
  const first = coded.find(codecOf)
  if (first === undefined) return undefined
  const codec = bytes[codecOf(first)!.content + 2]
  const box = propertiesOf(primary).find((property) => isColour(bytes, property))
  const start = box || !iloc ? undefined : itemStart(bytes, iloc, first, idat?.content)
  const said = box
    ? {
        primaries: bytes[box.content + PRIMARIES - 1] * 256 + bytes[box.content + PRIMARIES],
        matrix: bytes[box.content + MATRIX - 1] * 256 + bytes[box.content + MATRIX],
        isFull: (bytes[box.content + RANGE] & FULL_RANGE) !== 0,
      }
    : start === undefined
      ? undefined
      : av1Colour(bytes.subarray(start, start + BEGINNING))
  if (!said) return undefined
  const colour: AvifColour & { isSaid: boolean } = {
    ...said,
    isSaid: box !== undefined,
    depth: codec & HIGH_BIT_DEPTH ? (codec & TWELVE_BITS ? 12 : 10) : 8,
    isGrey: (codec & MONOCHROME) !== 0,
    shiftX: codec & HALF_COLUMNS ? 1 : 0,
    shiftY: codec & HALF_ROWS ? 1 : 0,
    isPremultiplied: iref !== undefined && references(bytes, iref, PREMULTIPLIED, primary).length > 0,
  }
  return colour
}

/**
 * The file with a colour box for every item but planes of transparency. Offsets into the file stay as they are: the
 * new tables go behind everything, and the old ones become free space.
 */
function withColourBox(bytes: Uint8Array, meta: Box, iprp: Box, ipco: Box, properties: readonly Box[]): Uint8Array {
  const part = (from: number, to: number): Uint8Array => bytes.subarray(from, to)
  const box = (type: string, ...parts: Uint8Array[]): Uint8Array => {
    const content = Buffer.concat(parts)
    const header = Buffer.alloc(8)
    header.writeUInt32BE(8 + content.length)
    header.write(type, 4, "latin1")
    return Buffer.concat([header, content])
  }
  const number = properties.length + 1
  const associated = (ipma: Box): Uint8Array => {
    const added = isWideAssociation(bytes, ipma.content) ? [number >> 8, number & 0xff] : [number]
    const parts: Uint8Array[] = []
    let from = ipma.content
    for (const entry of associations(bytes, ipma)) {
      if (entry.properties.some((index) => properties[index - 1]?.type === AUXILIARY)) continue
      parts.push(part(from, entry.countAt), Uint8Array.of(entry.properties.length + 1))
      parts.push(part(entry.countAt + 1, entry.end), Uint8Array.from(added))
      from = entry.end
    }
    return box("ipma", ...parts, part(from, ipma.end))
  }
  const newProperties = boxes(bytes, iprp.content, iprp.end).map((child) => {
    if (child.type === "ipma") return associated(child)
    if (child.start !== ipco.start) return part(child.start, child.end)
    return box("ipco", part(ipco.content, ipco.end), Uint8Array.from(STORED_PLANES))
  })
  const children = boxes(bytes, meta.content + VERSION, meta.end).map((child) =>
    child.start === iprp.start ? box("iprp", ...newProperties) : part(child.start, child.end),
  )
  const tables = box("meta", part(meta.content, meta.content + VERSION), ...children)
  const whole = Buffer.concat([bytes, tables])
  whole.write("free", meta.start + 4, "latin1")
  // A last box that reached to the end of the file ends where it ended.
  const last = boxes(bytes, 0, bytes.length).at(-1)
  if (last && whole.readUInt32BE(last.start) === 0) whole.writeUInt32BE(last.end - last.start, last.start)
  return whole
}
