/** Reads numbers and texts one after the other from a file, through a window that never holds more than is needed. */
import fs from "node:fs"
import { UserError } from "../errors.js"
import { readingFailure } from "../system-failures.js"

const WINDOW = 1 << 20

export class Cursor {
  #window = Buffer.alloc(0)
  #view = new DataView(new ArrayBuffer(0))
  /** Place of the window's first byte in the file, and of the next byte to read in the window. */
  #start: number
  #next = 0
  /** Place in the window of what was taken last. */
  #at = 0
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

  /**
   * @param file its name, for errors
   * @param end bytes of the file that may be read
   * @param tooShort the error for a length that reaches beyond them
   * @param start where in the file it begins
   */
  constructor(
    readonly descriptor: number,
    readonly file: string,
    readonly end: number,
    readonly tooShort: () => UserError,
    start = 0,
  ) {
    this.#start = start
  }

  get position(): number {
    return this.#start + this.#next
  }

  get left(): number {
    return this.end - this.position
  }

  u8 = (): number => this.#take(1).getUint8(this.#at)
  i8 = (): number => this.#take(1).getInt8(this.#at)
  u16 = (): number => this.#take(2).getUint16(this.#at, true)
  i16 = (): number => this.#take(2).getInt16(this.#at, true)
  u32 = (): number => this.#take(4).getUint32(this.#at, true)
  i32 = (): number => this.#take(4).getInt32(this.#at, true)
  f32 = (): number => this.#take(4).getFloat32(this.#at, true)
  f64 = (): number => this.#take(8).getFloat64(this.#at, true)
  u64 = (): bigint => this.#take(8).getBigUint64(this.#at, true)
  i64 = (): bigint => this.#take(8).getBigInt64(this.#at, true)

  /** A 64-bit length, refused where `unit` bytes for each cannot be left in the file. */
  length(unit: number): number {
    const length = this.u64()
    if (length * BigInt(unit) > BigInt(this.left)) throw this.tooShort()
    return Number(length)
  }

  /** Leaves bytes out without reading them. */
  skip(bytes: number): void {
    if (bytes > this.left) throw this.tooShort()
    if (this.#next + bytes <= this.#window.length) {
      this.#next += bytes
      return
    }
    this.#start = this.position + bytes
    this.#next = 0
    this.#window = Buffer.alloc(0)
  }

  /** A copy of the next bytes, so that it is aligned and stays. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    this.#take(count)
    return new Uint8Array(this.#window.subarray(this.#at, this.#next))
  }

  /** A text of known length; undefined where it is not UTF-8. */
  text(bytes: number): string | undefined {
    this.#take(bytes)
    // Much faster than a TextDecoder on short texts, but puts U+FFFD where the bytes are no text.
    const text = this.#window.toString("utf8", this.#at, this.#next)
    if (!text.includes("\ufffd")) return text
    try {
      return this.#text.decode(this.#window.subarray(this.#at, this.#next))
    } catch {
      return undefined
    }
  }

  /** Makes sure that so many bytes stand in the window, from #at on. */
  #take(bytes: number): DataView {
    if (bytes > this.left) throw this.tooShort()
    if (this.#next + bytes > this.#window.length) this.#refill(bytes)
    this.#at = this.#next
    this.#next += bytes
    return this.#view
  }

  #refill(bytes: number): void {
    const start = this.position
    const window = Buffer.alloc(Math.min(this.left, Math.max(bytes, WINDOW)))
    const kept = this.#window.copy(window, 0, this.#next)
    for (let done = kept; done < window.length; ) {
      const read = this.#read(window, done, start + done)
      if (read === 0) throw this.tooShort()
      done += read
    }
    this.#window = window
    this.#view = new DataView(window.buffer, window.byteOffset, window.length)
    this.#start = start
    this.#next = 0
  }

  #read(window: Buffer, at: number, position: number): number {
    try {
      return fs.readSync(this.descriptor, window, at, window.length - at, position)
    } catch (cause) {
      throw new UserError(`the file cannot be read (${readingFailure(cause)})`, { where: this.file, cause })
    }
  }
}
