/** Random access to the records of a JSON array or JSONL file of any size, by an index of byte offsets. */

import { closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from "node:fs"
import { UserError } from "../errors.js"
import { MalformedRecords, RecordScanner } from "./record-scanner.js"

const CHUNK = 1 << 20
/** First number of an index file: "dvlidx" and the version of its layout. */
const INDEX_MAGIC = 0x64_76_6c_69_64_78_00_01n

/** Records by number; only their offsets are held in memory. */
export class JsonRecords {
  readonly #offsets: BigUint64Array
  readonly #descriptor: number

  /**
   * @param file a JSON array of records, or JSONL
   * @param indexFile where the offsets are kept for the next time; not kept if not given. An index of another size or
   *   modification time of the file is replaced.
   * @throws UserError when the file is missing, or malformed outside of its records
   */
  constructor(
    readonly file: string,
    indexFile?: string,
  ) {
    this.#descriptor = open(file)
    try {
      const { size, mtimeNs } = fstatSync(this.#descriptor, { bigint: true })
      const known = indexFile === undefined ? undefined : readIndex(indexFile, size, mtimeNs)
      this.#offsets = known ?? BigUint64Array.from(scan(this.#descriptor, file), (n) => BigInt(n))
      if (indexFile !== undefined && !known) writeIndex(indexFile, size, mtimeNs, this.#offsets)
    } catch (error) {
      closeSync(this.#descriptor)
      throw error
    }
  }

  get length(): number {
    return this.#offsets.length / 2
  }

  /** @throws UserError naming file and index when the record is not JSON */
  read(index: number): unknown {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length))
      throw new RangeError(`record ${index} of ${this.length}`)
    const start = Number(this.#offsets[2 * index])
    const bytes = Buffer.alloc(Number(this.#offsets[2 * index + 1]) - start)
    readSync(this.#descriptor, bytes, 0, bytes.length, start)
    try {
      return JSON.parse(bytes.toString("utf8"))
    } catch (cause) {
      throw new UserError(`the record is not JSON: ${(cause as Error).message}`, {
        where: `${this.file}, record ${index} (from byte ${start})`,
        fix: "mend or remove the record",
        cause,
      })
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

function open(file: string): number {
  try {
    const descriptor = openSync(file, "r")
    if (fstatSync(descriptor).isFile()) return descriptor
    closeSync(descriptor)
  } catch (cause) {
    throw new UserError(`the data file cannot be opened: ${(cause as Error).message}`, {
      where: file,
      fix: "give the path of a LLaVA-format JSON or JSONL file",
      cause,
    })
  }
  throw new UserError("this is not a file", { where: file, fix: "give the path of a LLaVA-format JSON or JSONL file" })
}

/** Byte offsets [start, end) of the records. */
function scan(descriptor: number, file: string): number[] {
  const scanner = new RecordScanner()
  const buffer = new Uint8Array(CHUNK)
  let position = 0
  try {
    for (;;) {
      const read = readSync(descriptor, buffer, 0, CHUNK, position)
      if (read === 0) break
      scanner.push(buffer.subarray(0, read))
      position += read
    }
    scanner.end()
  } catch (error) {
    if (!(error instanceof MalformedRecords)) throw error
    throw new UserError(error.message, {
      where: file,
      fix: "the file must be a JSON array of records, or one record a line; download it again if it was cut off",
      cause: error,
    })
  }
  return scanner.offsets
}

/** Index file: magic, size and modification time of the data file, number of records, then the offsets. */
function readIndex(path: string, size: bigint, mtimeNs: bigint): BigUint64Array | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return undefined
  }
  if (bytes.length < 32 || bytes.length % 8 !== 0) return undefined
  const numbers = new BigUint64Array(bytes.length / 8)
  bytes.copy(new Uint8Array(numbers.buffer))
  const [magic, indexedSize, indexedTime, records] = numbers
  const fits = magic === INDEX_MAGIC && indexedSize === size && indexedTime === mtimeNs
  return fits && BigInt(numbers.length) === 4n + 2n * records ? numbers.subarray(4) : undefined
}

function writeIndex(path: string, size: bigint, mtimeNs: bigint, offsets: BigUint64Array): void {
  const header = [INDEX_MAGIC, size, mtimeNs, BigInt(offsets.length / 2)]
  try {
    writeFileSync(`${path}.${process.pid}`, new Uint8Array(BigUint64Array.from([...header, ...offsets]).buffer))
    renameSync(`${path}.${process.pid}`, path)
  } catch {
    // A folder that cannot be written: the file is scanned again next time.
  }
}
