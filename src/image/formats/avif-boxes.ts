/** The boxes of an AVIF: which properties the picture has, and where its first bytes lie. */

export interface Box {
  type: string
  /** Where the box, its content and the next box start. */
  start: number
  content: number
  end: number
}

/** Bytes of the version and flags of a full box. */
export const VERSION = 4

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Boxes between two offsets, as far as they are whole. */
export function boxes(bytes: Uint8Array, from: number, to: number): Box[] {
  const view = viewOf(bytes)
  const found: Box[] = []
  for (let start = from; start + 8 <= to; ) {
    const type = latin(bytes, start + 4)
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

/** Boxes of a type inside others, `skip` bytes after where their content starts. */
export const inside = (bytes: Uint8Array, parents: readonly Box[], type: string, skip = 0): Box[] =>
  parents.flatMap((box) => boxes(bytes, box.content + skip, box.end)).filter((box) => box.type === type)

/** Four letters. */
export const latin = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4))

export interface Association {
  item: number
  /** Numbers of properties, counted from 1, and where in the file the entry ends and its count stands. */
  properties: number[]
  countAt: number
  end: number
}

/** Reads numbers one after the other; past the end it throws RangeError, as DataView does. */
class Reader {
  private readonly view: DataView
  constructor(
    bytes: Uint8Array,
    public at: number,
  ) {
    this.view = viewOf(bytes)
  }
  /** An unsigned number of 0, 1, 2, 4 or 8 bytes. */
  number(size: number): number {
    const at = this.at
    this.at += size
    if (size === 0) return 0
    if (size === 1) return this.view.getUint8(at)
    if (size === 2) return this.view.getUint16(at)
    return size === 4 ? this.view.getUint32(at) : Number(this.view.getBigUint64(at))
  }
}

/** Which properties each item has, from an `ipma` box. */
export function associations(bytes: Uint8Array, { content, end }: Box): Association[] {
  const idSize = bytes[content] < 1 ? 2 : 4
  const isWide = isWideAssociation(bytes, content)
  const reader = new Reader(bytes, content + VERSION)
  const found: Association[] = []
  for (let left = reader.number(4); left > 0 && reader.at < end; left--) {
    const item = reader.number(idSize)
    const countAt = reader.at
    const properties: number[] = []
    for (let count = reader.number(1); count > 0; count--)
      properties.push(isWide ? reader.number(2) & 0x7fff : reader.number(1) & 0x7f)
    found.push({ item, properties, countAt, end: reader.at })
  }
  return found
}

/** Whether an `ipma` box numbers properties by two bytes. */
export const isWideAssociation = (bytes: Uint8Array, content: number): boolean => (bytes[content + 3] & 1) === 1

/** The item that is the picture, from a `pitm` box. */
export const primaryItem = (bytes: Uint8Array, { content }: Box): number =>
  new Reader(bytes, content + VERSION).number(bytes[content] === 0 ? 2 : 4)

/** The items that an item refers to by references of a type, from an `iref` box. */
export function references(bytes: Uint8Array, iref: Box, type: string, item: number): number[] {
  const idSize = bytes[iref.content] === 0 ? 2 : 4
  return inside(bytes, [iref], type, VERSION).flatMap(({ content }) => {
    const reader = new Reader(bytes, content)
    if (reader.number(idSize) !== item) return []
    return Array.from({ length: reader.number(2) }, () => reader.number(idSize))
  })
}

/**
 * Where an item's data starts in the file, from an `iloc` box; undefined where it is not known.
 * @param idat where the content of the `idat` box starts
 */
export function itemStart(bytes: Uint8Array, iloc: Box, item: number, idat: number | undefined): number | undefined {
  const version = bytes[iloc.content]
  const reader = new Reader(bytes, iloc.content + VERSION)
  const sizes = reader.number(2)
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15]
  const indexSize = version > 0 ? sizes & 15 : 0
  const wide = version < 2 ? 2 : 4
  for (let left = reader.number(wide); left > 0 && reader.at < iloc.end; left--) {
    const id = reader.number(wide)
    const method = version > 0 ? reader.number(2) & 15 : 0
    reader.number(2) // the file that the data is in: this one
    const base = reader.number(baseSize)
    const extents = reader.number(2)
    let first: number | undefined
    for (let extent = 0; extent < extents; extent++) {
      reader.number(indexSize)
      const offset = reader.number(offsetSize)
      reader.number(lengthSize)
      first ??= base + offset
    }
    if (id !== item || first === undefined) continue
    if (method === 0) return first
    return method === 1 && idat !== undefined ? idat + first : undefined
  }
  return undefined
}
