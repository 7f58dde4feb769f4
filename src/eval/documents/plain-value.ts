/** Values of Parquet files as JSON could hold them, bytes apart. */

/** null for what is missing, numbers for whole numbers that a number can hold, else their digits, ISO text for times. */
export function plainValue(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (typeof value !== "object") return value
  // A copy: a part of a page would keep all of it in memory.
  if (value instanceof Uint8Array) return value.slice()
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as unknown[], plainValue)
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainValue(part)]))
}
