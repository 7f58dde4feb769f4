/** Bytes that should be UTF-8 text. Says what they are when they are not. */

/** Beginnings of what people take for a JSON file. The longer ones of the same beginning come first. */
const FOREIGN: readonly (readonly [bytes: readonly number[], what: string, fix: string])[] = [
  [[0xff, 0xfe, 0, 0], "UTF-32", "save it as UTF-8"],
  [[0, 0, 0xfe, 0xff], "UTF-32", "save it as UTF-8"],
  [[0xff, 0xfe], "UTF-16", "save it as UTF-8"],
  [[0xfe, 0xff], "UTF-16", "save it as UTF-8"],
  [[0x1f, 0x8b], "gzip", "decompress it"],
  [[0x28, 0xb5, 0x2f, 0xfd], "zstd", "decompress it"],
  [[0x50, 0x4b, 3, 4], "zip", "unpack it"],
  [[0x50, 0x41, 0x52, 0x31], "Parquet", "write it as JSON or JSONL"],
]

/** What the first bytes of a file say that it is, if it is not UTF-8 text. */
export function foreignFormat(head: Uint8Array): { what: string; fix: string } | undefined {
  const known = FOREIGN.find(([bytes]) => bytes.every((byte, i) => head[i] === byte))
  if (known) return { what: known[1], fix: known[2] }
  // Without a byte order mark: JSON begins with an ASCII character.
  const zeros = [...head.subarray(0, 4)].map((byte) => byte === 0)
  const wide = head.length >= 4 && zeros[0] !== zeros[1]
  return wide ? { what: zeros[2] === zeros[0] ? "UTF-16" : "UTF-32", fix: "save it as UTF-8" } : undefined
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const whole = new TextDecoder("utf-8", { ignoreBOM: true })

/** The text, or the offset of the first byte that is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | { badByte: number } {
  try {
    return strict.decode(bytes)
  } catch {
    // Each bad byte becomes one replacement character: what stands before it tells where it is.
    const text = whole.decode(bytes)
    let [offset, known] = [0, 0]
    for (let at = text.indexOf("\ufffd"); at >= 0; at = text.indexOf("\ufffd", at + 1)) {
      offset += Buffer.byteLength(text.slice(known, at))
      const real = bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd
      if (!real) return { badByte: offset }
      offset += 3
      known = at + 1
    }
    return { badByte: 0 }
  }
}
