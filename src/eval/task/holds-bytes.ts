/** Pictures are bytes, wherever they stand in a value. */

/** Whether there are bytes in it, in lists and objects too. */
export function holdsBytes(value: unknown): boolean {
  if (value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.some(holdsBytes)
  return typeof value === "object" && value !== null && Object.values(value).some(holdsBytes)
}
