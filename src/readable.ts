/** Values of files and command lines inside sentences: never longer than people read, never on several lines. */

const LONGEST = 80

/** What ends lines, moves a terminal's cursor, turns the direction of writing, or is half a character. */
const CONTROLS = /[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|[\ud800-\udfff]/gu

/** Text on one line, with control characters as escapes. */
export const oneLine = (text: string): string =>
  text.replace(CONTROLS, (c) => {
    const escaped = JSON.stringify(c).slice(1, -1)
    return escaped === c ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : escaped
  })

/** Cut in the middle, so that the end of a path stays; control characters are written as escapes. */
export function readable(text: string, longest = LONGEST): string {
  // Much longer texts need not be looked at whole.
  const near = text.length > 4 * longest ? text.slice(0, longest) + text.slice(-longest) : text
  const line = oneLine(near)
  if (line.length <= longest && near === text) return line
  const half = (longest - 1) >> 1
  return `${line.slice(0, half)}…${line.slice(-half)}`
}

/**
 * A value as it can be shown in a sentence: as JSON, on one line, without control characters, of about 60 characters.
 * Nothing that is given can make it fail.
 */
export function shown(value: unknown): string {
  if (typeof value === "number") return String(value)
  // Lists and objects can be large, deep or circular: where they are not small, their kind says enough.
  if (isSmall(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`
  if (value === null) return "null"
  if (value === undefined) return "nothing"
  if (typeof value === "object" || typeof value === "function") return "an object"
  if (typeof value === "boolean") return String(value)
  return readable(JSON.stringify(String(value)), 60)
}

/** A short list or object of numbers, short texts, true, false and null, and no empty one. */
function isSmall(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return false
  const keys = Object.keys(value)
  const parts: unknown[] = Object.values(value)
  const short = (part: unknown): boolean =>
    (typeof part === "number" && Number.isFinite(part)) ||
    typeof part === "boolean" ||
    part === null ||
    (typeof part === "string" && /^[\w .:/@+-]{0,16}$/.test(part))
  return (
    parts.length > 0 &&
    parts.length <= 4 &&
    parts.every(short) &&
    (Array.isArray(value) || keys.every((key) => /^\w{1,24}$/.test(key)))
  )
}

/** A name from a file as it can stand in a sentence: as it is, or quoted where it is long or has odd characters. */
export function label(name: string): string {
  return name.length <= 120 && /^[\w.:/@+-]+$/.test(name) ? name : shown(name)
}

/** A message that repeats what was typed: long lines are cut, and so are long runs of lines. */
export function readableMessage(text: string, longestLine = 400, most = 20): string {
  const lines = text.split("\n").map((line) => (line.length > longestLine ? readable(line, longestLine) : line))
  const half = most >> 1
  return (lines.length <= most ? lines : [...lines.slice(0, half), "…", ...lines.slice(-half)]).join("\n")
}

/** The first items of a list, and how many more there are. */
export function firstOf(items: readonly string[], most = 10): string[] {
  return items.length > most + 1 ? [...items.slice(0, most), `and ${items.length - most} more`] : [...items]
}

/** "1 round", "2 rounds". */
export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`

/** Seconds: "0.4 s", "12 s", "3 min 05 s", "2 h 10 min". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "?"
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`
}

const twoDigits = (value: number): string => String(value).padStart(2, "0")

/** What a model is called where its whole path is too much: the last word of it that says something. */
export function modelTitle(model: string): string {
  const words = model.split(/[/\\]/).filter((word) => word !== "" && word !== "model")
  return words.at(-1) ?? model
}
