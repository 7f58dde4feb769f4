/** Random access to the records of a JSON array or JSONL file of any size, by an index of byte offsets. */

import { createHash } from "node:crypto"
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { partialName } from "../checkpoint/files.js"
import { problemIn, regularFileSize } from "../checkpoint/json.js"
import { UserError } from "../errors.js"
import { readable } from "../readable.js"
import { readingFailure } from "../system-failures.js"
import { requireNoUrl } from "../url.js"
import { decodeUtf8, foreignFormat } from "./encoding.js"
import { MalformedRecords, RecordScanner } from "./record-scanner.js"

const CHUNK = 1 << 20
/** Bytes of a record; a conversation of a million words has less. */
const LARGEST_RECORD = 64 * 2 ** 20
/** Records of a file: the places of more would fill the memory. */
const MOST_RECORDS = 1 << 24
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
    this.#descriptor = openDataFile(file)
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

  /** @throws UserError naming file, record and line when the record is not JSON in UTF-8, or too large */
  read(index: number): unknown {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length))
      throw new RangeError(`record ${index} of ${this.length}`)
    const start = Number(this.#offsets[2 * index])
    const length = Number(this.#offsets[2 * index + 1]) - start
    const bad = (what: string, fix: string, cause?: unknown): UserError =>
      new UserError(what, {
        where: `${this.file}, record ${index} (line ${lineOf(this.#descriptor, start)}, from byte ${start})`,
        fix,
        cause,
      })
    if (length > LARGEST_RECORD)
      throw bad(
        `the record has ${Math.ceil(length / 2 ** 20)} MiB, more than the ${LARGEST_RECORD / 2 ** 20} allowed`,
        "keep pictures in files of their own",
      )
    const bytes = Buffer.alloc(length)
    if (readFully(this.#descriptor, bytes, start) < length)
      throw bad("the file has become shorter while it was read", "run it again when the file is whole")
    const text = decodeUtf8(bytes)
    if (typeof text !== "string") {
      const byte = bytes[text.badByte].toString(16).padStart(2, "0")
      throw bad(
        `the record is not UTF-8: its byte ${text.badByte} is 0x${byte}`,
        "save the file as UTF-8 (for example: iconv -f latin1 -t utf-8)",
      )
    }
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw bad(`the record is not JSON${problemIn(text, cause as Error)}`, "mend or remove the record", cause)
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

const FIX = "give the path of a LLaVA-format JSON or JSONL file"

/**
 * Descriptor of a data file.
 * @throws UserError when there is none, or it is no regular file
 */
export function openDataFile(file: string): number {
  requireNoUrl(file, "data file")
  try {
    // Looked at before it is opened: opening a pipe waits for its writer.
    if (statSync(file).isFile()) return openSync(file, "r")
  } catch (cause) {
    throw new UserError(`the data file cannot be opened: ${readingFailure(cause)}`, {
      where: readable(file, 200),
      fix: FIX,
      cause,
    })
  }
  throw new UserError("this is not a file", { where: readable(file, 200), fix: FIX })
}

/** Bytes read; fewer than the buffer holds only at the end of the file. */
function readFully(descriptor: number, buffer: Uint8Array, position: number): number {
  let done = 0
  while (done < buffer.length) {
    const read = readSync(descriptor, buffer, done, buffer.length - done, position + done)
    if (read === 0) break
    done += read
  }
  return done
}

/** Line of a byte of the file, from 1. */
function lineOf(descriptor: number, end: number): number {
  const buffer = Buffer.alloc(CHUNK)
  let line = 1
  for (let position = 0; position < end; ) {
    const chunk = buffer.subarray(0, Math.min(CHUNK, end - position))
    const read = readFully(descriptor, chunk, position)
    for (let at = chunk.indexOf(10); at >= 0 && at < read; at = chunk.indexOf(10, at + 1)) line++
    if (read < chunk.length) break
    position += read
  }
  return line
}

/** Byte offsets [start, end) of the records. */
function scan(descriptor: number, file: string): number[] {
  const scanner = new RecordScanner()
  const buffer = new Uint8Array(CHUNK)
  let position = 0
  try {
    for (;;) {
      const read = readFully(descriptor, buffer, position)
      const foreign = position === 0 ? foreignFormat(buffer.subarray(0, read)) : undefined
      if (foreign)
        throw new UserError(`the file is ${foreign.what}, not JSON in UTF-8`, { where: file, fix: foreign.fix })
      if (read === 0) break
      scanner.push(buffer.subarray(0, read))
      position += read
      if (scanner.offsets.length > 2 * MOST_RECORDS)
        throw new UserError(`the file has more than ${MOST_RECORDS} records`, {
          where: file,
          fix: "divide it into several files",
        })
    }
    scanner.end()
  } catch (error) {
    if (!(error instanceof MalformedRecords)) throw error
    throw new UserError(`${error.message} (line ${lineOf(descriptor, error.line)})`, {
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
    regularFileSize(path)
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
