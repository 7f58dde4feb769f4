/** Texts of any characters for property tests: half of them plain, with white space, digits and letters of several scripts. */

import fc from "fast-check"

const ODD = Array.from(" \t\n\r\x1c\x1f\x85\xa0\u2003\u2028\u3000\ufeff٣𝟛½²éßΣς猫😀_'\"\\.,:()%<>-=")

const character = fc.oneof(
  fc.integer({ min: 32, max: 126 }).map((code) => String.fromCodePoint(code)),
  fc.constantFrom(...ODD),
  fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
)

export const anyText = fc.array(character, { maxLength: 24 }).map((characters) => characters.join(""))
