/** Random access to the records of a JSON array or JSONL file of any size, by an index of byte offsets. */

import { closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync } from "node:fs"
import { UserError } from "../errors.js"
import { readable } from "../readable.js"
import { decodeUtf8, foreignFormat } from "./encoding.js"
import { MalformedRecords, RecordScanner } from "./record-scanner.js"

const CHUNK = 1 << 20
/** Bytes of a record; a conversation of a million words has less. */
const LARGEST_RECORD = 64 * 2 ** 20
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
      throw bad(
        `the record is not JSON: ${readable((cause as Error).message, 160)}`,
        "mend or remove the record",
        cause,
      )
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

const FIX = "give the path of a LLaVA-format JSON or JSONL file"

const OPEN_FAILURES: Record<string, string> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "there is no permission to read it",
  EPERM: "there is no permission to read it",
  ERR_INVALID_ARG_VALUE: "its path has a NUL character",
}

function open(file: string): number {
  try {
    // Looked at before it is opened: opening a pipe waits for its writer.
    if (statSync(file).isFile()) return openSync(file, "r")
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException
    throw new UserError(`the data file cannot be opened: ${OPEN_FAILURES[code] ?? code}`, {
      where: readable(file, 200),
      fix: FIX,
      cause,
    })
  }
  throw new UserError("this is not a file", { where: file, fix: FIX })
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
