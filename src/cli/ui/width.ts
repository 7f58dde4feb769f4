/** How many terminal columns a text takes. Knows characters, not terminals. */

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" })

/** Two columns: East Asian wide and full-width characters, and everything shown as an emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u
const INVISIBLE = /^[\p{Cc}\p{Cf}\p{M}]*$/u
// biome-ignore lint/complexity/useRegexLiterals: the escape character would have to stand in the source
const ANSI = new RegExp("\u001b\\[[0-9;]*[A-Za-z]", "g")

/** Columns of `text` on one line; colours count nothing. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const { segment } of segmenter.segment(text.replace(ANSI, ""))) {
    if (!INVISIBLE.test(segment)) columns += WIDE.test(segment) ? 2 : 1
  }
  return columns
}

/**
 * Where writing `text` ends, counted in columns from the start of the row that `from` counts from.
 * A wide character that does not fit at the end of a row leaves its last column empty, as terminals do.
 */
export function advance(from: number, text: string, width: number): number {
  let position = from
  for (const { segment } of segmenter.segment(text.replace(ANSI, ""))) {
    const columns = columnsOf(segment)
    const left = width - (position % width)
    if (columns > left) position += left
    position += columns
  }
  return position
}

/** `text` filled with spaces to `width` columns. */
export function padTo(text: string, width: number, side: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - columnsOf(text)))
  return side === "left" ? text + space : space + text
}

/** The longest beginning of `text` that fits into `width` columns. */
export function shorten(text: string, width: number): string {
  if (columnsOf(text) <= width) return text
  let result = ""
  let columns = 0
  for (const { segment } of segmenter.segment(text.replace(ANSI, ""))) {
    columns += columnsOf(segment)
    if (columns > width - 1) break
    result += segment
  }
  return `${result}…`
}
