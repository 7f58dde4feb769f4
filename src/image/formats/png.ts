/** The one thing the PNG decoder gets in Pillow's way: a transparent grey of 16 bits becomes an alpha channel. */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const BIT_DEPTH = 24
const COLOUR_TYPE = 25
const GREY = 0
const TRANSPARENCY = 0x74524e53 // tRNS

/**
 * The same PNG without the tRNS chunk if it is 16-bit grey, which Pillow's `convert("RGB")` treats as if it had none.
 * Anything else comes back as it is.
 */
export function withoutGrey16Key(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 33 || SIGNATURE.some((byte, i) => bytes[i] !== byte)) return bytes
  if (bytes[BIT_DEPTH] !== 16 || bytes[COLOUR_TYPE] !== GREY) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let offset = 8; offset + 12 <= bytes.length; ) {
    const next = offset + 12 + view.getUint32(offset)
    if (next > bytes.length) return bytes
    if (view.getUint32(offset + 4) === TRANSPARENCY) {
      const shorter = new Uint8Array(bytes.length - (next - offset))
      shorter.set(bytes.subarray(0, offset))
      shorter.set(bytes.subarray(next), offset)
      return shorter
    }
    offset = next
  }
  return bytes
}
