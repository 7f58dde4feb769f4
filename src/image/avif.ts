/** AVIF as Pillow reads it: nothing is turned, mirrored or cropped, and an animation shows its first frame. */

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

/** Of an `nclx` colour box, the last of its 7 bytes after the name. */
const FULL_RANGE = 0x80
/** Of the third byte of the codec's configuration. */
const MONOCHROME = 0x10

export interface PillowAvif {
  bytes: Uint8Array
  /** Grey in 16 … 235, which the decoder, unlike Pillow's, does not stretch to 0 … 255. */
  isNarrowGrey: boolean
}

/**
 * The same AVIF with rotation, mirroring and clean aperture made harmless, and an image sequence named as the still
 * picture that it holds too. Undefined for anything that is not AVIF.
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
  return { bytes: changed, isNarrowGrey: isNarrowGrey(bytes, properties) }
}

/** A plane of transparency is grey too: only where all planes are, the picture is. */
function isNarrowGrey(bytes: Uint8Array, properties: readonly Box[]): boolean {
  const codecs = properties.filter(({ type, content, end }) => type === "av1C" && end >= content + 4)
  const isNarrow = properties.some(
    ({ type, content, end }) =>
      type === "colr" &&
      end >= content + 11 &&
      String.fromCharCode(...bytes.subarray(content, content + 4)) === "nclx" &&
      (bytes[content + 10] & FULL_RANGE) === 0,
  )
  return isNarrow && codecs.length > 0 && codecs.every(({ content }) => (bytes[content + 2] & MONOCHROME) !== 0)
}
