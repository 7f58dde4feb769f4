/** The one thing the GIF decoder gets in Pillow's way: transparent pixels lose their palette colour. Undone here. */

const EXTENSION = 0x21
const GRAPHIC_CONTROL = 0xf9

/**
 * The same GIF with the first frame's transparent colour index switched off, so that its pixels decode to their palette
 * colours, which is what Pillow's `convert("RGB")` gives. Anything that is not a GIF comes back as it is.
 */
export function withoutGifTransparency(bytes: Uint8Array): Uint8Array {
  const isGif = bytes.length > 13 && String.fromCharCode(...bytes.subarray(0, 4)) === "GIF8"
  if (!isGif) return bytes
  // Header and screen descriptor, then the global palette of 2^(n + 1) colours, then blocks up to the first frame.
  let at = 13 + (bytes[10] & 0x80 ? 3 << ((bytes[10] & 7) + 1) : 0)
  while (at + 3 < bytes.length && bytes[at] === EXTENSION) {
    if (bytes[at + 1] === GRAPHIC_CONTROL) {
      const opaque = new Uint8Array(bytes) // a copy, also of a Buffer
      opaque[at + 3] &= ~1
      return opaque
    }
    at += 2
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at] + 1
    at++
  }
  return bytes
}
