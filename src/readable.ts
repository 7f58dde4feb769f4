/** Values of files and command lines inside sentences: never longer than people read, never on several lines. */

const LONGEST = 80

/** Cut in the middle, so that the end of a path stays; control characters are written as escapes. */
export function readable(text: string, longest = LONGEST): string {
  // Much longer texts need not be looked at whole.
  const near = text.length > 4 * longest ? text.slice(0, longest) + text.slice(-longest) : text
  const line = near.replace(/[\0-\x1f\x7f\u2028\u2029]|[\ud800-\udfff]/gu, (c) => JSON.stringify(c).slice(1, -1))
  if (line.length <= longest && near === text) return line
  const half = (longest - 1) >> 1
  return `${line.slice(0, half)}…${line.slice(-half)}`
}

/** Any value: texts and numbers as they are written, of others the kind. */
export function readableValue(value: unknown): string {
  if (typeof value === "string") return `"${readable(value)}"`
  if (value === undefined || value === null) return "nothing"
  if (Array.isArray(value)) return "a list"
  return typeof value === "object" ? "an object" : readable(String(value))
}

/** The first items of a list, and how many more there are. */
export function firstOf(items: readonly string[], most = 10): string[] {
  return items.length > most + 1 ? [...items.slice(0, most), `and ${items.length - most} more`] : [...items]
}
