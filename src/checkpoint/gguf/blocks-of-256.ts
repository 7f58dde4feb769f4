/** The K types: 256 weights in groups of 32 or 16, whose scales (and minima) are small whole numbers times a float16. */
import { halfTable } from "./blocks-of-32.js"

/** Scale or minimum j of 8, six bits each in the 12 bytes from `at`: four low halves, four high ones, then the mixed rest. */
function sixBits(source: Uint8Array, at: number, j: number, minimum: boolean): number {
  const low = at + (minimum ? 4 : 0)
  if (j < 4) return source[low + j] & 63
  const mixed = source[at + 4 + j]
  return (minimum ? mixed >> 4 : mixed & 15) | ((source[low + j - 4] >> 6) << 4)
}

/** d, dmin, scales, 128 bytes of nibbles, each group of 64 weights in 32 of them: w = d s q - dmin m */
export function q4_k(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  for (let from = 0, to = 0; from < source.length; from += 144) {
    const d = half[source[from] | (source[from + 1] << 8)]
    const least = half[source[from + 2] | (source[from + 3] << 8)]
    for (let group = 0; group < 8; group += 2, to += 64) {
      const low = d * sixBits(source, from + 4, group, false)
      const lowLeast = least * sixBits(source, from + 4, group, true)
      const high = d * sixBits(source, from + 4, group + 1, false)
      const highLeast = least * sixBits(source, from + 4, group + 1, true)
      const bits = from + 16 + group * 16
      for (let i = 0; i < 32; i++) {
        const q = source[bits + i]
        out[to + i] = low * (q & 15) - lowLeast
        out[to + 32 + i] = high * (q >> 4) - highLeast
      }
    }
  }
}

/** As Q4_K, with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to weight i of group g. */
export function q5_k(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  for (let from = 0, to = 0; from < source.length; from += 176) {
    const d = half[source[from] | (source[from + 1] << 8)]
    const least = half[source[from + 2] | (source[from + 3] << 8)]
    for (let group = 0; group < 8; group += 2, to += 64) {
      const low = d * sixBits(source, from + 4, group, false)
      const lowLeast = least * sixBits(source, from + 4, group, true)
      const high = d * sixBits(source, from + 4, group + 1, false)
      const highLeast = least * sixBits(source, from + 4, group + 1, true)
      const fifth = from + 16
      const bits = from + 48 + group * 16
      for (let i = 0; i < 32; i++) {
        const q = source[bits + i]
        const five = source[fifth + i] >> group
        out[to + i] = low * ((q & 15) | ((five & 1) << 4)) - lowLeast
        out[to + 32 + i] = high * ((q >> 4) | ((five & 2) << 3)) - highLeast
      }
    }
  }
}

/** 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, d: w = d s (q - 32); half a block has 64 and 32 of them. */
export function q6_k(source: Uint8Array, out: Float32Array): void {
  const half = halfTable()
  const signed = new Int8Array(source.buffer, source.byteOffset, source.length)
  for (let from = 0, to = 0; from < source.length; from += 210) {
    const d = half[source[from + 208] | (source[from + 209] << 8)]
    for (let part = 0; part < 2; part++, to += 128) {
      const low = from + part * 64
      const high = from + 128 + part * 32
      const scales = from + 192 + part * 8
      for (let i = 0; i < 32; i++) {
        const scale = scales + (i >> 4)
        const a = source[low + i]
        const b = source[low + 32 + i]
        const pairs = source[high + i]
        out[to + i] = d * signed[scale] * (((a & 15) | ((pairs & 3) << 4)) - 32)
        out[to + 32 + i] = d * signed[scale + 2] * (((b & 15) | ((pairs & 12) << 2)) - 32)
        out[to + 64 + i] = d * signed[scale + 4] * (((a >> 4) | (pairs & 48)) - 32)
        out[to + 96 + i] = d * signed[scale + 6] * (((b >> 4) | ((pairs & 192) >> 2)) - 32)
      }
    }
  }
}
