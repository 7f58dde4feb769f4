/** TIFF's orientation: Pillow turns a TIFF when it loads it (and no other format), the decoder here does not. */

const ORIENTATION = 274
const XMP = 700
/** Longer metadata is no place to look for an orientation. */
const MAXIMUM_XMP = 1 << 20

interface Entry {
  tag: number
  /** Where the value, or the offset of the values, stands. */
  at: number
  type: number
  count: number
}

/**
 * The orientation of a TIFF's first picture, and the same file saying 1, which every decoder accepts; undefined for
 * other files. Pillow takes the tag or, where there is none, what XMP says.
 */
export function tiffOrientation(bytes: Uint8Array): { orientation: number; upright: Uint8Array } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = bytes.length >= 16 ? String.fromCharCode(bytes[0], bytes[1]) : ""
  if (header !== "II" && header !== "MM") return undefined
  const little = header === "II"
  const version = view.getUint16(2, little)
  if (version !== 42 && version !== 43) return undefined
  const entries = firstDirectory(view, little, version === 43)
  const tag = entries.find((entry) => entry.tag === ORIENTATION)
  if (!tag) return { orientation: xmpOrientation(bytes, view, little, entries, version === 43), upright: bytes }
  const isShort = tag.type === 3
  const orientation = isShort ? view.getUint16(tag.at, little) : view.getUint32(tag.at, little)
  const upright = new Uint8Array(bytes) // a copy, also of a Buffer
  const patched = new DataView(upright.buffer)
  if (isShort) patched.setUint16(tag.at, 1, little)
  else patched.setUint32(tag.at, 1, little)
  return { orientation, upright }
}

/** The entries of the first directory, as far as they lie within the file. BigTIFF has wider fields. */
function firstDirectory(view: DataView, little: boolean, big: boolean): Entry[] {
  const offset = (at: number): number => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little))
  const start = offset(big ? 8 : 4)
  const [countBytes, entryBytes] = big ? [8, 20] : [2, 12]
  if (start + countBytes > view.byteLength) return []
  const count = big ? Number(view.getBigUint64(start, little)) : view.getUint16(start, little)
  const entries: Entry[] = []
  for (let i = 0, at = start + countBytes; i < count && at + entryBytes <= view.byteLength; i++, at += entryBytes) {
    entries.push({
      tag: view.getUint16(at, little),
      type: view.getUint16(at + 2, little),
      count: offset(at + 4),
      at: at + (big ? 12 : 8),
    })
  }
  return entries
}

function xmpOrientation(bytes: Uint8Array, view: DataView, little: boolean, entries: Entry[], big: boolean): number {
  const entry = entries.find(({ tag }) => tag === XMP)
  if (!entry || entry.count <= 8 || entry.count > MAXIMUM_XMP) return 1
  const start = big ? Number(view.getBigUint64(entry.at, little)) : view.getUint32(entry.at, little)
  const text = Buffer.from(bytes.subarray(start, start + entry.count)).toString("latin1")
  return Number(/tiff:Orientation(?:="|>)([0-9])/.exec(text)?.[1] ?? 1)
}
