/** GPT-2's alphabet: every byte as a printable character. */

/** Bytes that stand for themselves; the others follow from U+0100 on. */
const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae

/** Character of each byte. */
const CHARACTERS: readonly string[] = (() => {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
})()
const BYTES: ReadonlyMap<string, number> = new Map(CHARACTERS.map((character, byte) => [character, byte]))

const encoder = new TextEncoder()

/** One character per byte of the text's UTF-8. */
export function toByteCharacters(text: string): string {
  let out = ""
  for (const byte of encoder.encode(text)) out += CHARACTERS[byte]
  return out
}

/** The bytes of a token; of one that is not written in this alphabet, those of its UTF-8. */
export function tokenBytes(token: string): number[] {
  const bytes: number[] = []
  for (const character of token) {
    const byte = BYTES.get(character)
    if (byte === undefined) return [...encoder.encode(token)]
    bytes.push(byte)
  }
  return bytes
}
