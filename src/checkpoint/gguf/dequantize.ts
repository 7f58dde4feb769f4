/**
 * Blocks of quantised weights → float32 or bfloat16, exactly the values of ggml's reference: in double precision every
 * product and sum below is exact, so that storing it rounds once, as float32 arithmetic does.
 */

import { halfTable, q4_0, q4_1, q5_0, q5_1, q8_0 } from "./blocks-of-32.js"
import { q4_k, q5_k, q6_k } from "./blocks-of-256.js"
import { BLOCK_SIZES, type GgufType } from "./types.js"

/** Where weights go: float32, or bfloat16 bit patterns. */
export type Weights = Float32Array | Uint16Array

/** Writes the weights of `source`, whole blocks, to the start of `out`. */
export type Unpack = (source: Uint8Array, out: Float32Array) => void

const UNPACK: Record<Exclude<GgufType, "F32">, Unpack> = {
  F16: halves,
  BF16: brains,
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q8_0: q8_0,
  Q4_K: q4_k,
  Q5_K: q5_k,
  Q6_K: q6_k,
}

/** Weights that are unpacked to float32 before they are rounded: they stay in the cache. */
const CHUNK = 1 << 13

/**
 * Unpacks whole blocks. Nothing is allocated for each weight.
 * @param source blocks of `type`, at any alignment
 * @param out as many weights as the blocks have; bfloat16 is rounded to nearest, ties to even
 */
export function dequantize(type: GgufType, source: Uint8Array, out: Weights): void {
  const { weights, bytes } = BLOCK_SIZES[type]
  if (source.length % bytes !== 0 || out.length !== (source.length / bytes) * weights)
    throw new RangeError(`${source.length} bytes of ${type} for ${out.length} weights`)
  if (out instanceof Float32Array) unpack(type, source, out)
  else if (type === "BF16") asBytes(out).set(source)
  else roundToBfloat16(type, source, out)
}

function unpack(type: GgufType, source: Uint8Array, out: Float32Array): void {
  if (type === "F32") asBytes(out).set(source)
  else UNPACK[type](source, out)
}

function roundToBfloat16(type: GgufType, source: Uint8Array, out: Uint16Array): void {
  const { weights, bytes } = BLOCK_SIZES[type]
  const values = new Float32Array(Math.min(CHUNK, out.length))
  const bits = new Int32Array(values.buffer)
  for (let start = 0; start < out.length; start += CHUNK) {
    const count = Math.min(CHUNK, out.length - start)
    const from = (start / weights) * bytes
    unpack(type, source.subarray(from, from + (count / weights) * bytes), values.subarray(0, count))
    for (let i = 0; i < count; i++) out[start + i] = bfloat16Of(bits[i])
  }
}

/** The bfloat16 nearest to a float32 bit pattern; what is no number stays none. */
function bfloat16Of(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) | 0) >>> 16
}

const asBytes = (values: Weights): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

function halves(source: Uint8Array, out: Float32Array): void {
  const table = halfTable()
  for (let i = 0; i < out.length; i++) out[i] = table[source[2 * i] | (source[2 * i + 1] << 8)]
}

function brains(source: Uint8Array, out: Float32Array): void {
  const bits = new Int32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) bits[i] = (source[2 * i] << 16) | (source[2 * i + 1] << 24)
}
