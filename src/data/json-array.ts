/** Random access to the records of a JSON array or JSONL file of any size, by an index of byte offsets. */

import { createHash } from "node:crypto"
import { closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { partialName } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { MalformedRecords, RecordScanner } from "./record-scanner.js"

const CHUNK = 1 << 20
/** First number of an index file: "dvlidx" and the version of its layout. */
const INDEX_MAGIC = 0x64_76_6c_69_64_78_00_02n
/** Numbers before the offsets. */
const INDEX_HEADER = 5

/** Records by number; only their offsets are held in memory. */
export class JsonRecords {
  readonly #offsets: BigUint64Array
  readonly #descriptor: number

  /**
   * @param file a JSON array of records, or JSONL
   * @param indexFile where the offsets are kept for the next time; not kept if not given. An index of another size or
   *   modification time of the file, or a damaged one, is replaced.
   * @param content hash of the file (hexadecimal), where it is known: says better than the modification time what the
   *   index belongs to
   * @throws UserError when the file is missing, or malformed outside of its records
   */
  constructor(
    readonly file: string,
    indexFile?: string,
    content?: string,
  ) {
    this.#descriptor = open(file)
    try {
      const { size, mtimeNs } = fstatSync(this.#descriptor, { bigint: true })
      const version = content === undefined ? mtimeNs : BigInt(`0x${content.slice(0, 16)}`)
      const known = indexFile === undefined ? undefined : readIndex(indexFile, size, version)
      this.#offsets = known ?? BigUint64Array.from(scan(this.#descriptor, file), (n) => BigInt(n))
      if (indexFile !== undefined && !known) writeIndex(indexFile, size, version, this.#offsets)
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

/** Index file: magic, size and version of the data file, number of records, checksum of the offsets, then the offsets. */
function readIndex(path: string, size: bigint, version: bigint): BigUint64Array | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return undefined
  }
  if (bytes.length < 8 * INDEX_HEADER || bytes.length % 16 !== (8 * INDEX_HEADER) % 16) return undefined
  const numbers = new BigUint64Array(bytes.length / 8)
  bytes.copy(new Uint8Array(numbers.buffer))
  const offsets = numbers.subarray(INDEX_HEADER)
  const expected = indexHeader(size, version, offsets)
  return expected.every((number, i) => number === numbers[i]) ? offsets : undefined
}

function indexHeader(size: bigint, version: bigint, offsets: BigUint64Array): bigint[] {
  const bytes = new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength)
  const checksum = createHash("sha256").update(bytes).digest().readBigUInt64LE()
  return [INDEX_MAGIC, size, version, BigInt(offsets.length / 2), checksum]
}

function writeIndex(path: string, size: bigint, version: bigint, offsets: BigUint64Array): void {
  const partial = partialName(path)
  try {
    const numbers = BigUint64Array.from([...indexHeader(size, version, offsets), ...offsets])
    writeFileSync(partial, new Uint8Array(numbers.buffer))
    renameSync(partial, path)
  } catch {
    // A folder that cannot be written: the file is scanned again next time.
    rmSync(partial, { force: true })
  }
}
