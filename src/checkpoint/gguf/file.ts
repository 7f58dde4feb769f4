/**
 * The GGUF file format, versions 2 and 3, little-endian: metadata, and where each tensor lies. Only the header is read;
 * the weights stay in the file until they are asked for (weights.ts).
 */
import fs from "node:fs"
import { UserError } from "../../errors.js"
import { label, shown } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"
import { Cursor } from "../cursor.js"
import { regularFileSize } from "../json.js"
import { type Metadata, readMetadata, readName } from "./metadata.js"
import { BLOCK_SIZES, type GgufType, typeOfNumber } from "./types.js"

export type { GgufNumbers, GgufValue, Metadata } from "./metadata.js"
export type { GgufType } from "./types.js"

export interface GgufTensor {
  name: string
  type: GgufType
  /** Rows first, as in PyTorch: the file has it the other way round. */
  shape: number[]
  file: string
  /** From the start of the file. */
  offset: number
  bytes: number
}

export interface GgufFile {
  /** The file, or the first of its parts. */
  path: string
  version: number
  metadata: Metadata
  /** In the order of the header. */
  tensors: Map<string, GgufTensor>
}

/** The largest headers, of vocabularies with 256 thousand tokens, have some 20 MB. */
const MAX_HEADER_BYTES = 128 << 20
const DEFAULT_ALIGNMENT = 32
const MAX_DIMENSIONS = 4
const LONGEST_NAME = 1024
/** Far more than any model has; each becomes an object. */
const MOST_TENSORS = 1 << 17
/** Bytes of the shortest metadata (key length, type, value) and tensor (name length, dimensions, type, offset). */
const LEAST_METADATA = 8 + 4 + 1
const LEAST_TENSOR = 8 + 4 + 4 + 8

/**
 * Reads and checks the header of one file: every length against the bytes that are there, names that occur once, and
 * that each tensor lies whole inside the file and on no other.
 * @throws UserError naming the file and the reason; for a tensor of an unknown type its name, its type and what is known
 */
export function readGguf(file: string): GgufFile {
  // Before it is opened: opening a pipe waits for a writer.
  regularFileSize(file)
  let descriptor: number
  try {
    descriptor = fs.openSync(file, "r")
  } catch (cause) {
    throw new UserError(`cannot open the weights file (${readingFailure(cause)})`, { where: file, cause })
  }
  try {
    return readHeader(descriptor, file, fs.fstatSync(descriptor).size)
  } finally {
    fs.closeSync(descriptor)
  }
}

function readHeader(descriptor: number, file: string, fileBytes: number): GgufFile {
  const invalid = (reason: string) => invalidFile(file, reason)
  const end = Math.min(fileBytes, MAX_HEADER_BYTES)
  const cursor = new Cursor(descriptor, file, end, () =>
    fileBytes > end
      ? invalid(`its header would have more than ${MAX_HEADER_BYTES} bytes`)
      : invalid(`its header goes on after its end, at ${fileBytes} bytes`),
  )
  const version = readVersion(cursor, file)
  const tensorCount = cursor.u64()
  const metadataCount = cursor.u64()
  const least = tensorCount * BigInt(LEAST_TENSOR) + metadataCount * BigInt(LEAST_METADATA)
  if (least > BigInt(cursor.left))
    throw invalid(`${tensorCount} tensors and ${metadataCount} metadata do not fit into ${fileBytes} bytes`)
  if (tensorCount > BigInt(MOST_TENSORS)) throw invalid(`${tensorCount} tensors are more than any model has`)
  const metadata = readMetadata(cursor, Number(metadataCount), invalid)
  const alignment = alignmentOf(metadata, invalid)
  const tensors = new Map<string, GgufTensor>()
  for (let i = 0; i < Number(tensorCount); i++) {
    const tensor = readTensorInfo(cursor, file, alignment)
    if (tensors.has(tensor.name)) throw invalid(`it has the tensor ${label(tensor.name)} twice`)
    tensors.set(tensor.name, tensor)
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment
  for (const tensor of tensors.values()) tensor.offset += dataStart
  checkPlaces([...tensors.values()], fileBytes, file)
  return { path: file, version, metadata, tensors }
}

function readVersion(cursor: Cursor, file: string): number {
  if (cursor.left < 24) throw invalidFile(file, `it has only ${cursor.left} bytes`)
  const magic = cursor.u32()
  if (magic !== 0x46554747) throw invalidFile(file, 'it does not begin with "GGUF"')
  const version = cursor.u32()
  if (version === 2 || version === 3) return version
  // The number of a big-endian file has its low byte last.
  if (version !== 0 && (version & 0xffff) === 0)
    throw new UserError("the GGUF file is big-endian; only little-endian ones are read", {
      where: file,
      fix: "use the usual, little-endian file of this model",
    })
  throw new UserError(`version ${version} of the GGUF format is not supported; supported are 2 and 3`, {
    where: file,
    fix: "use a newer file of this model, or convert it again with llama.cpp",
  })
}

function alignmentOf(metadata: Metadata, invalid: (reason: string) => UserError): number {
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT
  const isSize = typeof alignment === "number" && Number.isInteger(alignment) && alignment > 0 && alignment <= 1 << 30
  if (isSize && (alignment & (alignment - 1)) === 0) return alignment
  throw invalid(`general.alignment is ${shown(alignment)}, not a power of two`)
}

/** One entry; the offset still counts from the start of the data. */
function readTensorInfo(cursor: Cursor, file: string, alignment: number): GgufTensor {
  const name = readName(cursor, LONGEST_NAME)
  if (name === undefined) throw invalidFile(file, "the name of a tensor is no text")
  const fail = (reason: string) => invalidFile(file, `tensor ${label(name)}: ${reason}`)
  const dimensions = cursor.u32()
  if (dimensions > MAX_DIMENSIONS) throw fail(`it has ${dimensions} dimensions; at most ${MAX_DIMENSIONS} are possible`)
  const sizes = Array.from({ length: dimensions }, () => cursor.u64())
  const number = cursor.u32()
  const offset = cursor.u64()
  const type = typeOfNumber(number, name, file)
  const { weights, bytes: blockBytes } = BLOCK_SIZES[type]
  const count = sizes.reduce((product, size) => product * size, 1n)
  const bytes = (count / BigInt(weights)) * BigInt(blockBytes)
  const shape = sizes.map(Number).reverse()
  if (!Number.isSafeInteger(Number(bytes)) || sizes.some((size) => size > BigInt(Number.MAX_SAFE_INTEGER)))
    throw fail(`its shape [${sizes.toReversed().join(", ")}] is larger than any file`)
  if ((shape.at(-1) ?? 1) % weights !== 0)
    throw fail(`its rows of ${shape.at(-1) ?? 1} weights are not whole blocks of ${weights}, which ${type} has`)
  if (offset > BigInt(Number.MAX_SAFE_INTEGER) || offset % BigInt(alignment) !== 0n)
    throw fail(`its offset ${offset} is not a multiple of ${alignment}`)
  return { name, type, shape, file, offset: Number(offset), bytes: Number(bytes) }
}

function checkPlaces(tensors: GgufTensor[], fileBytes: number, file: string): void {
  let end = 0
  for (const { name, offset, bytes } of tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (offset < end) throw invalidFile(file, `tensor ${label(name)} overlaps the one before it`)
    end = offset + bytes
  }
  if (fileBytes < end)
    throw new UserError(`the file is incomplete: expected at least ${end} bytes, found ${fileBytes}`, {
      where: file,
      fix: "download or copy it again",
    })
}

function invalidFile(file: string, reason: string): UserError {
  return new UserError(`not a valid GGUF file: ${reason}`, { where: file, fix: "download or copy it again" })
}
