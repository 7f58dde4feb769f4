/** Python's float() and round(), which read and round other texts and numbers than JavaScript's (docs/evaluation.md 6). */

const DIGITS = "[0-9]+(?:_[0-9]+)*"
const DECIMAL = new RegExp(`^[+-]?(?:${DIGITS}(?:\\.(?:${DIGITS})?)?|\\.${DIGITS})(?:[eE][+-]?${DIGITS})?$`)
const WORDS = /^([+-]?)(inf|infinity|nan)$/i
/** What float() takes away at the ends; the other white space only where a text is not all ASCII. */
const ENDS = /^[\t-\r ]+|(?<![\t-\r ])[\t-\r ]+$/g
const OTHER_SPACE = /[\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g

/** float(text); undefined where Python raises ValueError. */
export function pythonFloat(text: string): number | undefined {
  const isAscii = !/[^\0-\x7f]/.test(text)
  const plain = isAscii ? text : text.replace(OTHER_SPACE, " ").replace(/\p{Nd}/gu, asciiDigit)
  const stripped = plain.replace(ENDS, "")
  const word = WORDS.exec(stripped)
  if (word) {
    if (word[2].toLowerCase() === "nan") return Number.NaN
    return word[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  return DECIMAL.test(stripped) ? Number(stripped.replaceAll("_", "")) : undefined
}

/** Digits of every script stand together, ten after ten, from 0 on. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0)!
  let zero = code
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--
  return String((code - zero) % 10)
}

/** round(value, digits): the nearest decimal to the exact value; of two that are as near, the one that ends evenly. */
export function pythonRound(value: number, digits: number): number {
  // toFixed() forgets the sign of 0.
  if (!Number.isFinite(value) || value === 0 || Math.abs(value) >= 1e21) return value
  const larger = value.toFixed(digits)
  // Halfway are only odd multiples of 1/2^(digits + 1); toFixed takes the one that is farther from 0.
  const isHalfway = Math.abs(value * 2 ** (digits + 1)) % 2 === 1
  if (!isHalfway || Number(larger.at(-1)) % 2 === 0) return Number(larger)
  const sign = value < 0 ? -1 : 1
  const units = BigInt(larger.replace(/[-.]/g, "")) - 1n
  const written = String(units).padStart(digits + 1, "0")
  return sign * Number(`${written.slice(0, written.length - digits)}.${written.slice(written.length - digits)}`)
}
