/** Names that keys and values of recipes had in the first version: whoever writes them is told the present ones. */

/** By the last part of the key. */
const KEYS: Record<string, string> = {
  mixture: "is called task_mixture now",
  overlay: "is now mixing: { probability: … }",
}
const VALUES: Record<string, string> = {
  sampler: "pictures is called grouped now",
}

/** What became of a key that there is no longer. */
export function renamedKey(key: string): string | undefined {
  return Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
}

/** What became of a value that a key no longer takes. */
export function renamedValue(key: PropertyKey | undefined, value: unknown): string | undefined {
  const sentence = typeof key === "string" && Object.hasOwn(VALUES, key) ? VALUES[key] : undefined
  return sentence?.startsWith(`${value} `) ? sentence : undefined
}
