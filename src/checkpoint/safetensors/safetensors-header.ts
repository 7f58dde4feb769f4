/** The safetensors file format: strict header reading and header bytes for writing. Knows no folders and no models. */
import fs from "node:fs"
import { UserError } from "../../errors.js"
import { label, shown } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"
import { codeOfType, ELEMENT_BYTES, type ElementType, KNOWN_CODES, typeOfCode } from "../element-types.js"
import { isObject, regularFileSize } from "../json.js"

/** Where a tensor's bytes lie: little-endian, row-major, `bytes` long from `offset` of `file`. */
export interface TensorLocation {
  file: string
  dtype: ElementType
  shape: number[]
  /** From the start of the file. */
  offset: number
  bytes: number
}

export interface SafetensorsHeader {
  /** In the order of the header. */
  tensors: Map<string, TensorLocation>
  metadata: Record<string, string>
}

/** The limit of the reference implementation; a larger number is a damaged or hostile file. */
const MAX_HEADER_BYTES = 100_000_000

/**
 * Reads and checks the header of one file: length, JSON, types, shape x type = bytes, no overlap, no hole, no duplicate
 * name, and a file length that is exactly what the header describes.
 * @throws UserError naming the file and the reason; for a truncated file the expected and actual bytes.
 */
export function readHeader(file: string): SafetensorsHeader {
  // Before it is opened: opening a pipe waits for a writer.
  regularFileSize(file)
  let descriptor: number
  try {
    descriptor = fs.openSync(file, "r")
  } catch (cause) {
    throw new UserError(`cannot open the weights file (${readingFailure(cause)})`, { where: file, cause })
  }
  try {
    const fileBytes = fs.fstatSync(descriptor).size
    if (fileBytes < 8) throw incomplete(file, "at least 8", fileBytes)
    const length = new DataView(readExactly(descriptor, 8, 0, file).buffer).getBigUint64(0, true)
    if (length > BigInt(MAX_HEADER_BYTES)) throw invalid(file, `its header claims to be ${length} bytes long`)
    const headerBytes = Number(length)
    if (8 + headerBytes > fileBytes) throw incomplete(file, `more than ${8 + headerBytes}`, fileBytes)
    return parseHeader(readExactly(descriptor, headerBytes, 8, file), file, fileBytes)
  } finally {
    fs.closeSync(descriptor)
  }
}

function readExactly(descriptor: number, bytes: number, position: number, file: string): Uint8Array {
  const buffer = new Uint8Array(bytes)
  let done = 0
  while (done < bytes) {
    const read = fs.readSync(descriptor, buffer, done, bytes - done, position + done)
    if (read === 0) throw new UserError("the file ended while it was read", { where: file })
    done += read
  }
  return buffer
}

/** Checks header JSON against a file of `fileBytes` bytes. Exported for tests with malformed headers. */
export function parseHeader(json: Uint8Array, file: string, fileBytes: number): SafetensorsHeader {
  const entries = parseObject(json, file)
  const dataStart = 8 + json.length
  const tensors = new Map<string, TensorLocation>()
  let metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(entries)) {
    if (name === "__metadata__") metadata = parseMetadata(value, file)
    else tensors.set(name, parseEntry(name, value, file, dataStart))
  }
  const sorted = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes)
  let end = dataStart
  for (const [name, { offset, bytes }] of sorted) {
    if (offset < end) throw invalid(file, `tensor ${label(name)} overlaps the one before it`)
    if (offset > end) throw invalid(file, `${offset - end} unused bytes before tensor ${label(name)}`)
    end = offset + bytes
  }
  if (fileBytes < end) throw incomplete(file, String(end), fileBytes)
  if (fileBytes > end) throw invalid(file, `it has ${fileBytes - end} bytes that its header does not describe`)
  return { tensors, metadata }
}

function parseObject(json: Uint8Array, file: string): Record<string, unknown> {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json)
    value = JSON.parse(text)
  } catch {
    throw invalid(file, "its header is not JSON")
  }
  // The format wants the brace to be the very first byte.
  if (!isObject(value) || text[0] !== "{") throw invalid(file, "its header is not a JSON object")
  const duplicate = findDuplicateKey(text)
  if (duplicate !== undefined) throw invalid(file, `its header has the key ${shown(duplicate)} twice`)
  return value
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (!isObject(value) || Object.values(value).some((item) => typeof item !== "string"))
    throw invalid(file, "__metadata__ is not a map of strings")
  return value as Record<string, string>
}

function parseEntry(name: string, value: unknown, file: string, dataStart: number): TensorLocation {
  const tensor = `tensor ${label(name)}`
  const fail = (reason: string) => invalid(file, `${tensor}: ${reason}`)
  if (!isObject(value)) throw fail("its entry is not an object")
  const { dtype: code, shape, data_offsets: offsets } = value
  if (typeof code !== "string") throw fail(`its element type (dtype) is ${shown(code)}, not a text`)
  const dtype = typeOfCode(code)
  // The format has more types, and will have others: nothing is wrong with the file.
  if (dtype === undefined)
    throw new UserError(
      `${tensor}: element type ${shown(code)} is not supported; supported are ${KNOWN_CODES.join(", ")}`,
      {
        where: file,
        fix: "save the model in one of these, for example in bfloat16, or use an upload that is not quantised",
      },
    )
  if (!isSizes(shape)) throw fail("its shape is not a list of sizes")
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1])
    throw fail("data_offsets are not a begin and an end")
  const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype])
  if (bytes !== offsets[1] - offsets[0])
    throw fail(`${code} [${shape.join(", ")}] needs ${bytes} bytes, its offsets give ${offsets[1] - offsets[0]}`)
  return { file, dtype, shape, offset: dataStart + offsets[0], bytes }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

function invalid(file: string, reason: string): UserError {
  return new UserError(`not a valid safetensors file: ${reason}`, {
    where: file,
    fix: "Download or copy the file again.",
  })
}

function incomplete(file: string, expected: string, actual: number): UserError {
  return new UserError(`the file is incomplete: expected ${expected} bytes, found ${actual}`, {
    where: file,
    fix: "Download or copy the file again.",
  })
}

/** First key that occurs twice in one object of valid JSON, which JSON.parse would silently merge. */
export function findDuplicateKey(json: string): string | undefined {
  const open: Set<string>[] = []
  for (let i = 0; i < json.length; i++) {
    if (json[i] === "{") open.push(new Set())
    else if (json[i] === "}") open.pop()
    if (json[i] !== '"') continue
    const start = i++
    while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1
    let next = i + 1
    while (/\s/.test(json[next] ?? "")) next++
    if (json[next] !== ":") continue
    const key = JSON.parse(json.slice(start, i + 1)) as string
    if (open.at(-1)!.has(key)) return key
    open.at(-1)!.add(key)
  }
  return undefined
}

/** What a writer says about a tensor before its bytes are known. */
export interface TensorDescription {
  name: string
  dtype: ElementType
  shape: number[]
}

export function bytesOf(tensor: TensorDescription): number {
  return tensor.shape.reduce((product, size) => product * size, ELEMENT_BYTES[tensor.dtype])
}

/**
 * Length prefix and header for tensors stored back to back in the given order, padded with spaces to 8 bytes so that
 * the data starts aligned. Byte for byte what the reference writer produces for the same order.
 */
export function encodeHeader(tensors: TensorDescription[], metadata?: Record<string, string>): Uint8Array {
  const parts: string[] = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : []
  let position = 0
  for (const tensor of tensors) {
    const end = position + bytesOf(tensor)
    const entry = { dtype: codeOfType(tensor.dtype), shape: tensor.shape, data_offsets: [position, end] }
    parts.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`)
    position = end
  }
  const json = new TextEncoder().encode(`{${parts.join(",")}}`)
  const padded = Math.ceil(json.length / 8) * 8
  const header = new Uint8Array(8 + padded).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(json, 8)
  return header
}
