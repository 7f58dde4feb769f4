/** Random access to the records of a JSON array or JSONL file of any size, by an index of byte offsets. */

import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync } from "node:fs"
import { UserError } from "../errors.js"

const CHUNK = 1 << 20

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = [0x7b, 0x5b]
const CLOSE = [0x7d, 0x5d]
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** Byte offsets [start, end) of the elements of a top-level array, or of the lines of JSONL. */
function scan(file: string): number[] {
  const offsets: number[] = []
  const descriptor = openSync(file, "r")
  try {
    const buffer = new Uint8Array(CHUNK)
    let position = 0
    let depth = 0
    let base = -1 // depth at which an element lies: 1 inside an array, 0 in JSONL
    let inString = false
    let escaped = false
    let start = -1
    const fail = (what: string, at: number): never => {
      throw new UserError(`${what} at byte ${at}`, {
        where: file,
        fix: "the file must be a JSON array of records, or one record a line",
      })
    }
    for (
      let read = readSync(descriptor, buffer, 0, CHUNK, 0);
      read > 0;
      read = readSync(descriptor, buffer, 0, CHUNK, position)
    ) {
      for (let i = 0; i < read; i++) {
        const byte = buffer[i]
        if (inString) {
          if (escaped) escaped = false
          else if (byte === BACKSLASH) escaped = true
          else if (byte === QUOTE) inString = false
          continue
        }
        if (byte === QUOTE) {
          if (depth <= Math.max(0, base)) fail("a string where a record should be", position + i)
          inString = true
        } else if (OPEN.includes(byte)) {
          if (base < 0) base = byte === 0x5b ? 1 : 0
          if (depth === base) start = position + i
          depth++
        } else if (CLOSE.includes(byte)) {
          depth--
          if (depth < 0) fail("a closing bracket too many", position + i)
          if (depth === base && start >= 0) {
            offsets.push(start, position + i + 1)
            start = -1
          }
        } else if (base < 0 && !isSpace(byte) && !(position + i < 3 && byte >= 0xbb)) {
          fail("not a JSON array or JSONL", position + i)
        }
      }
      position += read
    }
    if (depth !== 0 || inString) fail("the file ends in the middle of a record", position)
  } finally {
    closeSync(descriptor)
  }
  return offsets
}

/** Records by number; only the offsets are held in memory. */
export class JsonRecords {
  readonly #offsets: BigUint64Array
  readonly #descriptor: number

  /**
   * @param file a JSON array of records, or JSONL
   * @param indexFile where the offsets are kept for the next time; not kept if not given
   * @throws UserError when the file is missing or malformed
   */
  constructor(
    readonly file: string,
    indexFile?: string,
  ) {
    if (!existsSync(file))
      throw new UserError("there is no such data file", {
        where: file,
        fix: "give the path of a LLaVA-format JSON or JSONL file",
      })
    const { size, mtimeMs } = statSync(file)
    const stamp = [BigInt(size), BigInt(Math.round(mtimeMs))]
    this.#offsets = (indexFile && readIndex(indexFile, stamp)) || BigUint64Array.from(scan(file), (n) => BigInt(n))
    if (indexFile) writeIndex(indexFile, stamp, this.#offsets)
    this.#descriptor = openSync(file, "r")
  }

  get length(): number {
    return this.#offsets.length / 2
  }

  /** @throws UserError naming file and index when the record is not JSON */
  read(index: number): unknown {
    if (!(index >= 0 && index < this.length)) throw new RangeError(`record ${index} of ${this.length}`)
    const start = Number(this.#offsets[2 * index])
    const bytes = Buffer.alloc(Number(this.#offsets[2 * index + 1]) - start)
    readSync(this.#descriptor, bytes, 0, bytes.length, start)
    try {
      return JSON.parse(bytes.toString("utf8"))
    } catch (cause) {
      throw new UserError(`the record is not JSON: ${(cause as Error).message}`, {
        where: `${this.file}, record ${index} (byte ${start})`,
        cause,
      })
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

function readIndex(path: string, stamp: readonly bigint[]): BigUint64Array | undefined {
  try {
    const bytes = readFileSync(path)
    const numbers = new BigUint64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
    return numbers[0] === stamp[0] && numbers[1] === stamp[1] ? numbers.slice(2) : undefined
  } catch {
    return undefined
  }
}

function writeIndex(path: string, stamp: readonly bigint[], offsets: BigUint64Array): void {
  try {
    writeFileSync(`${path}.${process.pid}`, new Uint8Array(BigUint64Array.from([...stamp, ...offsets]).buffer))
    renameSync(`${path}.${process.pid}`, path)
  } catch {
    // A read-only folder: the file is scanned again next time.
  }
}
