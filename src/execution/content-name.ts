/** Names of plain data by its content: the same name, the same data. */

import { createHash, type Hash, randomUUID } from "node:crypto"

/**
 * A hash of numbers, texts, arrays, typed arrays and plain objects of them; of anything else, whose content cannot be seen, a
 * name that nothing else has.
 */
export function nameOfContent(value: unknown): string {
  const hash = createHash("sha256")
  return add(hash, value) ? hash.digest("base64url") : randomUUID()
}

/** @returns whether all of it could be seen */
function add(hash: Hash, value: unknown): boolean {
  if (ArrayBuffer.isView(value)) {
    hash.update(`${value.constructor.name} ${value.byteLength}:`)
    hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    return true
  }
  if (typeof value !== "object" || value === null) {
    hash.update(`${typeof value} ${JSON.stringify(String(value))}`)
    return typeof value !== "function" && typeof value !== "symbol"
  }
  const kind = Object.getPrototypeOf(value)
  if (kind !== Object.prototype && kind !== Array.prototype && kind !== null) return false
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  hash.update(`${Array.isArray(value) ? "array" : "object"} ${entries.length}:`)
  return entries.every(([key, each]) => {
    hash.update(JSON.stringify(key))
    return add(hash, each)
  })
}
