/** Mutations of picture files that keep to their structure: sizes, offsets, chunk lengths, checksums that are right. */

import type { Random } from "../../../src/data/prng.js"
import type { Mutated } from "./json.js"
import { below, pick } from "./values.js"

/** A number in a file: where it is, how wide, and what it stands for. */
interface Field {
  at: number
  width: 1 | 2 | 4
  little: boolean
  what: string
}

const SIZES = [
  0,
  1,
  2,
  3,
  5,
  8,
  9,
  13,
  255,
  256,
  4000,
  13_377,
  16_384,
  30_000,
  65_535,
  100_000,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 32 - 1,
]

const field = (at: number, width: Field["width"], little: boolean, what: string): Field => ({ at, width, little, what })

/** Numbers of a picture file by its format; none for bytes that are not one. */
function fieldsOf(bytes: Buffer): Field[] {
  if (bytes.readUInt32BE(0) === 0x89504e47) return pngFields(bytes)
  if (bytes.readUInt16BE(0) === 0xffd8) return jpegFields(bytes)
  const start = bytes.toString("latin1", 0, 4)
  if (start === "GIF8") return gifFields(bytes)
  if (start === "RIFF") return webpFields(bytes)
  if (start === "II*\0") return tiffFields(bytes)
  if (start.startsWith("BM")) return [2, 10, 14, 18, 22, 30].map((at) => field(at, 4, true, "header"))
  return boxFields(bytes)
}

function pngFields(bytes: Buffer): Field[] {
  const fields: Field[] = []
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const kind = bytes.toString("latin1", at + 4, at + 8)
    fields.push(field(at, 4, false, `length of ${kind}`))
    if (kind !== "IHDR") continue
    fields.push(field(at + 8, 4, false, "width"), field(at + 12, 4, false, "height"))
    for (const [i, what] of ["depth", "colour type", "compression", "filter", "interlace"].entries())
      fields.push(field(at + 16 + i, 1, false, what))
  }
  return fields
}

function jpegFields(bytes: Buffer): Field[] {
  const fields: Field[] = []
  for (
    let at = 2;
    at + 4 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda;
    at += 2 + bytes.readUInt16BE(at + 2)
  ) {
    fields.push(field(at + 2, 2, false, `length of segment ${bytes[at + 1].toString(16)}`))
    if (bytes[at + 1] === 0xc0 || bytes[at + 1] === 0xc2)
      fields.push(
        field(at + 5, 2, false, "height"),
        field(at + 7, 2, false, "width"),
        field(at + 9, 1, false, "components"),
      )
    else
      for (let i = 4; i < 24; i++)
        fields.push(field(at + i, 1, false, `byte ${i} of segment ${bytes[at + 1].toString(16)}`))
  }
  return fields
}

function gifFields(bytes: Buffer): Field[] {
  const fields = [field(6, 2, true, "canvas width"), field(8, 2, true, "canvas height"), field(10, 1, true, "flags")]
  for (let at = bytes.indexOf(0x2c, 13); at >= 0 && fields.length < 40; at = bytes.indexOf(0x2c, at + 1))
    for (const [i, what] of ["left", "top", "width", "height"].entries())
      if (at + 10 < bytes.length) fields.push(field(at + 1 + 2 * i, 2, true, `frame ${what}`))
  const control = bytes.indexOf(Buffer.from([0x21, 0xf9]))
  if (control >= 0)
    fields.push(field(control + 3, 1, true, "disposal"), field(control + 6, 1, true, "transparent index"))
  return fields
}

function webpFields(bytes: Buffer): Field[] {
  const fields = [field(4, 4, true, "length")]
  for (let at = 12; at + 8 < bytes.length; at += 8 + bytes.readUInt32LE(at + 4) + (bytes.readUInt32LE(at + 4) & 1)) {
    const kind = bytes.toString("latin1", at, at + 4)
    fields.push(field(at + 4, 4, true, `length of ${kind}`))
    for (let i = 0; i + 2 <= 16; i += 2) fields.push(field(at + 8 + i, 2, true, `${kind} byte ${i}`))
  }
  return fields.filter(({ at, width }) => at + width <= bytes.length)
}

function tiffFields(bytes: Buffer): Field[] {
  const ifd = bytes.readUInt32LE(4)
  const fields = [field(4, 4, true, "directory"), field(ifd, 2, true, "entries")]
  for (let i = 0, at = ifd + 2; i < bytes.readUInt16LE(ifd) && at + 12 <= bytes.length; i++, at += 12) {
    const tag = bytes.readUInt16LE(at)
    fields.push(field(at + 2, 2, true, `type of tag ${tag}`), field(at + 4, 4, true, `count of tag ${tag}`))
    // Twice: values matter most.
    for (let times = 0; times < 2; times++) fields.push(field(at + 8, 4, true, `tag ${tag}`))
  }
  return fields
}

/** ISO boxes: lengths anywhere, and the sizes and turns of AVIF. */
function boxFields(bytes: Buffer): Field[] {
  const fields: Field[] = []
  for (const kind of [
    "ftyp",
    "meta",
    "hdlr",
    "pitm",
    "iloc",
    "iinf",
    "infe",
    "iprp",
    "ipco",
    "ispe",
    "pixi",
    "irot",
    "imir",
    "av1C",
    "ipma",
    "iref",
    "auxC",
    "mdat",
  ]) {
    const at = bytes.indexOf(kind, 0, "latin1")
    if (at < 4) continue
    fields.push(field(at - 4, 4, false, `length of ${kind}`))
    if (kind === "ispe") fields.push(field(at + 8, 4, false, "width"), field(at + 12, 4, false, "height"))
    else for (let i = 4; i < 12; i++) fields.push(field(at + i, 1, false, `${kind} byte ${i}`))
  }
  return fields
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

/** zlib's own is newer than the oldest Node.js that is supported. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}

/** After a change, so that the decoder sees it rather than a wrong checksum. */
function mendPngChecksums(bytes: Buffer): void {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    if (at + 12 + length > bytes.length) return
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, at + 8 + length)), at + 8 + length)
    at += 12 + length
  }
}

/** One to three numbers of the structure changed. */
export function mutatePicture(random: Random, source: Buffer): Mutated {
  const bytes = Buffer.from(source)
  const fields = fieldsOf(bytes)
  const done: string[] = []
  for (let times = random() < 0.5 ? 1 : 1 + below(random, 3); times > 0; times--) {
    const { at, width, little, what } = pick(random, fields)
    const limit = 2 ** (8 * width)
    const old = little ? bytes.readUIntLE(at, width) : bytes.readUIntBE(at, width)
    const value = (random() < 0.8 ? pick(random, SIZES) : old + pick(random, [-1, 1, old])) % limit
    if (little) bytes.writeUIntLE(Math.max(0, value), at, width)
    else bytes.writeUIntBE(Math.max(0, value), at, width)
    done.push(`${what} is ${value}`)
  }
  if (bytes.readUInt32BE(0) === 0x89504e47) mendPngChecksums(bytes)
  return { bytes, what: done.join("; ") }
}
