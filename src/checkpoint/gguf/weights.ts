/** The weights of a tensor, read from the file and dequantised piece by piece: never more of the file in memory than a piece. */
import fs from "node:fs"
import { UserError } from "../../errors.js"
import { readingFailure } from "../../system-failures.js"
import type { TensorLocation } from "../safetensors/safetensors-header.js"
import { dequantize, type Weights } from "./dequantize.js"
import type { GgufTensor } from "./file.js"
import { BLOCK_SIZES } from "./types.js"

/** What readers of safetensors and the engine call the types that are no blocks. */
const PLAIN = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const

/**
 * The tensor as a plain piece of the file that can be mapped as it is; undefined where it is quantised.
 * Its rows may still need another order (names.ts).
 */
export function plainLocation({ type, file, shape, offset, bytes }: GgufTensor): TensorLocation | undefined {
  return type in PLAIN ? { file, dtype: PLAIN[type as keyof typeof PLAIN], shape, offset, bytes } : undefined
}

/** Bytes of the file that are read at once. */
const PIECE_BYTES = 4 << 20

/**
 * All weights of a tensor into a buffer of the caller.
 * @param out as many elements as the tensor: float32, or bfloat16 bit patterns
 * @param rowOrder for each row of `out` the row of the file, where they differ; rows are of the first dimension
 * @throws UserError when the file has become shorter or cannot be read
 */
export function readWeights(tensor: GgufTensor, out: Weights, rowOrder?: Uint32Array): void {
  let done = 0
  for (const { source, weights } of sourcePieces(tensor, rowOrder)) {
    dequantize(tensor.type, source, out.subarray(done, done + weights))
    done += weights
  }
  if (done !== out.length) throw new RangeError(`${done} weights for a buffer of ${out.length}`)
}

/**
 * The weights of a tensor as little-endian bytes, one piece after the other, as a writer of safetensors takes them.
 * @param rowOrder for each row the row of the file, where they differ
 */
export function* weightPieces(
  tensor: GgufTensor,
  dtype: "float32" | "bfloat16",
  rowOrder?: Uint32Array,
): Generator<Uint8Array> {
  for (const { source, weights } of sourcePieces(tensor, rowOrder)) {
    const out = dtype === "float32" ? new Float32Array(weights) : new Uint16Array(weights)
    dequantize(tensor.type, source, out)
    yield new Uint8Array(out.buffer)
  }
}

/** Whole blocks, or rows in their new order, as they are in the file. The bytes are valid until the next piece. */
function* sourcePieces(tensor: GgufTensor, rowOrder?: Uint32Array): Generator<{ source: Uint8Array; weights: number }> {
  const block = BLOCK_SIZES[tensor.type]
  // Rows that keep their order are one long row of blocks.
  const unit = rowOrder ? tensor.bytes / Math.max(1, tensor.shape[0]) : block.bytes
  if (rowOrder && (rowOrder.length !== tensor.shape[0] || unit % block.bytes !== 0))
    throw new RangeError(`${rowOrder.length} rows of a tensor [${tensor.shape.join(", ")}] of ${tensor.type}`)
  const descriptor = open(tensor.file)
  try {
    const perPiece = Math.max(1, Math.floor(PIECE_BYTES / Math.max(1, unit)))
    const units = unit === 0 ? 0 : tensor.bytes / unit
    const buffer = new Uint8Array(Math.min(perPiece, units) * unit)
    for (let start = 0; start < units; start += perPiece) {
      const count = Math.min(perPiece, units - start)
      const source = buffer.subarray(0, count * unit)
      if (!rowOrder) fill(descriptor, source, tensor.offset + start * unit, tensor.file)
      else
        for (let i = 0; i < count; i++)
          fill(
            descriptor,
            source.subarray(i * unit, (i + 1) * unit),
            tensor.offset + rowOrder[start + i] * unit,
            tensor.file,
          )
      yield { source, weights: (source.length / block.bytes) * block.weights }
    }
  } finally {
    fs.closeSync(descriptor)
  }
}

function open(file: string): number {
  try {
    return fs.openSync(file, "r")
  } catch (cause) {
    throw new UserError(`cannot open the weights file (${readingFailure(cause)})`, { where: file, cause })
  }
}

function fill(descriptor: number, target: Uint8Array, position: number, file: string): void {
  for (let done = 0; done < target.length; ) {
    const read = readSome(descriptor, target.subarray(done), position + done, file)
    if (read === 0) throw new UserError("the file ended while it was read", { where: file })
    done += read
  }
}

function readSome(descriptor: number, target: Uint8Array, position: number, file: string): number {
  try {
    return fs.readSync(descriptor, target, 0, target.length, position)
  } catch (cause) {
    throw new UserError(`the weights cannot be read (${readingFailure(cause)})`, { where: file, cause })
  }
}
