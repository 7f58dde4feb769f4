/** Characters that are in no text at hand: they mark places while a template writes, and are taken out again. */

/** Unicode's areas of private use. */
const AREAS = [
  [0xe000, 0xf8ff],
  [0xf0000, 0xffffd],
  [0x100000, 0x10fffd],
] as const

/** @param texts none of them holds any of the characters */
export function privateCharacters(count: number, texts: readonly string[]): string[] {
  const used = new Set(texts.flatMap((text) => text.match(/\p{Co}/gu) ?? []))
  const free: string[] = []
  for (const [first, last] of AREAS)
    for (let code = first; code <= last && free.length < count; code++) {
      const character = String.fromCodePoint(code)
      if (!used.has(character)) free.push(character)
    }
  return free
}

/** A text without some characters, and where each of them was. */
export function takeOut(text: string, characters: readonly string[]): { text: string; places: number[][] } {
  const places = characters.map((): number[] => [])
  let out = ""
  for (const character of text) {
    const which = characters.indexOf(character)
    if (which < 0) out += character
    else places[which].push(out.length)
  }
  return { text: out, places }
}
