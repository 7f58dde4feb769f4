/**
 * The simple types: 32 weights that share a scale d (and a minimum m), both float16, before their bits. Byte i of a
 * nibble block has weight i in its low half and weight i + 16 in its high half; the fifth bits are a 32-bit number.
 */
import { toFloat32 } from "../element-types.js"

let halfValues: Float32Array | undefined

/** float32 of every float16 bit pattern; made when it is first needed. */
export function halfTable(): Float32Array {
  halfValues ??= toFloat32(new Uint8Array(Uint16Array.from({ length: 1 << 16 }, (_, i) => i).buffer), "float16")
  return halfValues
}

/** d, 32 signed bytes: w = d q */
export function q8_0(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  const signed = new Int8Array(source.buffer, source.byteOffset, source.length)
  for (let from = 0, to = 0; from < source.length; from += 34, to += 32) {
    const d = half[source[from] | (source[from + 1] << 8)]
    for (let i = 0; i < 32; i++) out[to + i] = d * signed[from + 2 + i]
  }
}

/** d, 16 bytes of nibbles: w = d (q - 8) */
export function q4_0(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  for (let from = 0, to = 0; from < source.length; from += 18, to += 32) {
    const d = half[source[from] | (source[from + 1] << 8)]
    for (let i = 0; i < 16; i++) {
      const q = source[from + 2 + i]
      out[to + i] = d * ((q & 15) - 8)
      out[to + 16 + i] = d * ((q >> 4) - 8)
    }
  }
}

/** d, m, 16 bytes of nibbles: w = d q + m */
export function q4_1(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  for (let from = 0, to = 0; from < source.length; from += 20, to += 32) {
    const d = half[source[from] | (source[from + 1] << 8)]
    const m = half[source[from + 2] | (source[from + 3] << 8)]
    for (let i = 0; i < 16; i++) {
      const q = source[from + 4 + i]
      out[to + i] = d * (q & 15) + m
      out[to + 16 + i] = d * (q >> 4) + m
    }
  }
}

const fifthBits = (source: Uint8Array, from: number): number =>
  source[from] | (source[from + 1] << 8) | (source[from + 2] << 16) | (source[from + 3] << 24)

/** d, fifth bits, 16 bytes of nibbles: w = d (q - 16) */
export function q5_0(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  for (let from = 0, to = 0; from < source.length; from += 22, to += 32) {
    const d = half[source[from] | (source[from + 1] << 8)]
    const high = fifthBits(source, from + 2)
    for (let i = 0; i < 16; i++) {
      const q = source[from + 6 + i]
      out[to + i] = d * (((q & 15) | (((high >>> i) & 1) << 4)) - 16)
      out[to + 16 + i] = d * (((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16)
    }
  }
}

/** d, m, fifth bits, 16 bytes of nibbles: w = d q + m */
export function q5_1(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  for (let from = 0, to = 0; from < source.length; from += 24, to += 32) {
    const d = half[source[from] | (source[from + 1] << 8)]
    const m = half[source[from + 2] | (source[from + 3] << 8)]
    const high = fifthBits(source, from + 4)
    for (let i = 0; i < 16; i++) {
      const q = source[from + 8 + i]
      out[to + i] = d * ((q & 15) | (((high >>> i) & 1) << 4)) + m
      out[to + 16 + i] = d * ((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m
    }
  }
}
