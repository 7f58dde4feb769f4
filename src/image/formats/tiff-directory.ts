/** The first directory of a TIFF: its tags can be read, and changed where they stand. */

/** A field of a directory. */
interface Entry {
  tag: number
  type: number
  count: number
  /** Where the entry, and the field that holds the value or the offset of the values, stands. */
  at: number
  field: number
}

/** Bytes of one value, by type: BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, …, LONG8. */
const SIZES: Record<number, number> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  16: 8,
}
const BYTE = 1
const SHORT = 3
const LONG = 4
const RATIONAL = 5
const LONG8 = 16
/** Values of one tag that are read: more are no description of a picture. */
const MAXIMUM_VALUES = 1 << 20

export class TiffDirectory {
  /** A copy, which `set` and `shorten` change. */
  readonly bytes: Uint8Array
  readonly isLittle: boolean
  private readonly isBig: boolean
  private readonly view: DataView
  private readonly entries = new Map<number, Entry>()

  /** Undefined for other files. */
  static of(bytes: Uint8Array): TiffDirectory | undefined {
    const header = bytes.length >= 16 ? String.fromCharCode(bytes[0], bytes[1]) : ""
    if (header !== "II" && header !== "MM") return undefined
    const version = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint16(2, header === "II")
    if (version !== 42 && version !== 43) return undefined
    return new TiffDirectory(new Uint8Array(bytes), header === "II", version === 43) // a copy, also of a Buffer
  }

  /** Entries are read as far as they lie within the file. BigTIFF has wider fields. */
  private constructor(bytes: Uint8Array, isLittle: boolean, isBig: boolean) {
    this.bytes = bytes
    this.isLittle = isLittle
    this.isBig = isBig
    this.view = new DataView(bytes.buffer)
    const start = this.offset(isBig ? 8 : 4)
    const [countBytes, entryBytes] = isBig ? [8, 20] : [2, 12]
    if (start + countBytes > bytes.length) return
    const count = isBig ? this.offset(start) : this.view.getUint16(start, isLittle)
    for (let i = 0, at = start + countBytes; i < count && at + entryBytes <= bytes.length; i++, at += entryBytes) {
      const tag = this.view.getUint16(at, isLittle)
      if (this.entries.has(tag)) continue
      const type = this.view.getUint16(at + 2, isLittle)
      this.entries.set(tag, { tag, type, count: this.offset(at + 4), at, field: at + (isBig ? 12 : 8) })
    }
  }

  has(tag: number): boolean {
    return this.entries.has(tag)
  }

  /** The values of a tag as numbers; undefined where it is missing, of another type or outside of the file. */
  values(tag: number): number[] | undefined {
    const entry = this.entries.get(tag)
    if (!entry || entry.count > MAXIMUM_VALUES) return undefined
    const at = this.placeOf(entry)
    if (at === undefined) return undefined
    const { type, count } = entry
    const one = (place: number): number => {
      if (type === BYTE) return this.view.getUint8(place)
      if (type === SHORT) return this.view.getUint16(place, this.isLittle)
      if (type === LONG) return this.view.getUint32(place, this.isLittle)
      if (type === LONG8) return Number(this.view.getBigUint64(place, this.isLittle))
      return this.view.getUint32(place, this.isLittle) / this.view.getUint32(place + 4, this.isLittle)
    }
    if (![BYTE, SHORT, LONG, RATIONAL, LONG8].includes(type)) return undefined
    return Array.from({ length: count }, (_, i) => one(at + i * SIZES[type]))
  }

  /** The first value of a tag. */
  value(tag: number): number | undefined {
    return this.values(tag)?.[0]
  }

  /** The bytes of a tag as text; undefined where it is missing or longer than `maximum`. */
  text(tag: number, maximum: number): string | undefined {
    const entry = this.entries.get(tag)
    if (!entry || entry.count > maximum || SIZES[entry.type] !== 1) return undefined
    const at = this.placeOf(entry)
    return at === undefined ? undefined : Buffer.from(this.bytes.subarray(at, at + entry.count)).toString("latin1")
  }

  /** Writes a value over the first, or over every value of a tag. */
  set(tag: number, value: number, every = false): void {
    const entry = this.entries.get(tag)
    const at = entry && this.placeOf(entry)
    if (!entry || at === undefined) return
    for (let i = 0; i < (every ? entry.count : 1); i++) this.write(entry.type, at + i * SIZES[entry.type], value)
  }

  /** Leaves only the first values of a tag. */
  shorten(tag: number, count: number): void {
    const entry = this.entries.get(tag)
    const values = this.values(tag)
    if (!entry || !values || values.length <= count) return
    const at = this.placeOf(entry)!
    const isInline = SIZES[entry.type] * count <= (this.isBig ? 8 : 4)
    entry.count = count
    if (this.isBig) this.view.setBigUint64(entry.at + 4, BigInt(count), this.isLittle)
    else this.view.setUint32(entry.at + 4, count, this.isLittle)
    if (!isInline || at === entry.field) return
    for (let i = 0; i < count; i++) this.write(entry.type, entry.field + i * SIZES[entry.type], values[i])
  }

  private write(type: number, at: number, value: number): void {
    if (SIZES[type] === 1) this.view.setUint8(at, value)
    else if (SIZES[type] === 2) this.view.setUint16(at, value, this.isLittle)
    else if (type === LONG) this.view.setUint32(at, value, this.isLittle)
    else if (type === LONG8) this.view.setBigUint64(at, BigInt(value), this.isLittle)
  }

  private offset(field: number): number {
    return this.isBig ? Number(this.view.getBigUint64(field, this.isLittle)) : this.view.getUint32(field, this.isLittle)
  }

  /** Where the values stand; undefined where that is outside of the file. */
  private placeOf({ type, count, field }: Entry): number | undefined {
    const size = SIZES[type] * count
    const at = size <= (this.isBig ? 8 : 4) ? field : this.offset(field)
    return at + size <= this.bytes.length ? at : undefined
  }
}
