/** Structured mutations of JSON: what it says changes, and it mostly stays JSON. */

import type { Random } from "../../../src/data/prng.js"
import { type Mutated, mutateBytes } from "./bytes.js"
import { below, oddKey, oddNumber, oddString, oddValue, pick, Raw } from "./values.js"

export type { Mutated } from "./bytes.js"

type Holder = Record<string | number, unknown>

/** A place in the value: what holds it, and under which key. Places near the top come up more often. */
function pickPlace(random: Random, root: Holder): { holder: Holder; key: string; path: string } {
  let holder = root
  let path = ""
  for (;;) {
    const keys = Object.keys(holder)
    if (keys.length === 0) return { holder: root, key: "value", path: "value" }
    const key = pick(random, keys)
    path = path === "" ? key : `${path}.${key}`
    const value = holder[key]
    const descends = typeof value === "object" && value !== null && !(value instanceof Raw)
    if (!descends || Object.keys(value).length === 0 || (holder !== root && random() < 0.25))
      return { holder, key, path: path.replace(/^value\.?/, "") || "all of it" }
    holder = value as Holder
  }
}

/** Also keys that assignment would take for something else, such as `__proto__`. */
const setKey = (holder: Holder, key: string, value: unknown): void => {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
}

const short = (value: unknown): string => {
  const text = value instanceof Raw ? value.name : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 50)}… (${text.length})` : text
}

/** One change in place; gives what was done. */
function mutateOnce(random: Random, root: Holder): string {
  const { holder, key, path } = pickPlace(random, root)
  const value = holder[key]
  const set = (changed: unknown, how = "is"): string => {
    setKey(holder, key, changed)
    return `${path} ${how} ${short(changed)}`
  }
  const isNumber = typeof value === "number"
  switch (below(random, isNumber ? 14 : 11)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else delete holder[key]
      return `without ${path}`
    case 1:
    case 6:
      if (typeof value !== "object" || value === null || value instanceof Raw) return set(oddNumber(random))
      if (Array.isArray(value)) {
        const added = random() < 0.5 && value.length > 0 ? pick(random, value) : oddValue(random)
        value.splice(below(random, value.length + 1), 0, added)
        return `${path} with one more: ${short(added)}`
      } else {
        const [name, added] = [oddKey(random), oddValue(random)]
        setKey(value as Holder, name, added)
        return `${path} with ${short(name)}: ${short(added)}`
      }
    case 2:
      return set(pick(random, [[value], { value }, [value, value], { 0: value }]), "wrapped:")
    case 3:
      if (typeof value === "string") {
        const at = below(random, value.length + 1)
        return set(value.slice(0, at) + oddString(random) + value.slice(at))
      }
      return set(typeof value === "object" ? JSON.stringify(value) : String(value))
    case 4: {
      const other = pickPlace(random, root)
      const swapped = other.holder[other.key]
      if (typeof swapped === "object") return set(oddValue(random))
      return set(swapped, `as ${other.path}:`)
    }
    case 5:
      if (value instanceof Raw || value === undefined) return set(oddValue(random))
      return set(
        new Raw(`${JSON.stringify(value)},${JSON.stringify(key)}:${JSON.stringify(oddNumber(random))}`, "given twice"),
      )
    case 11:
      return set(pick(random, [(value as number) + 1, (value as number) - 1, -(value as number)]))
    case 12:
      return set((value as number) * pick(random, [2, 3, 10, 1000, 1e6, 1e12]))
    case 13:
      return set((value as number) / pick(random, [2, 3, 1e3, 1e9]))
    default:
      return set(isNumber && random() < 0.6 ? oddNumber(random) : oddValue(random))
  }
}

/** JSON text of a value with `Raw` parts. */
export function render(value: unknown, indent?: number): string {
  const parts: string[] = []
  const text = JSON.stringify(
    value,
    (_key, part) => (part instanceof Raw ? `@raw${parts.push(part.text) - 1}@` : part),
    indent,
  )
  return (text ?? "").replace(/"@raw(\d+)@"/g, (_, i) => parts[Number(i)])
}

/** One to three changes of a value; `what` names them. */
export function mutateValue(random: Random, value: unknown): { value: unknown; what: string } {
  const root: Holder = { value: structuredClone(value) }
  const times = random() < 0.7 ? 1 : 1 + below(random, 3)
  const what = Array.from({ length: times }, () => mutateOnce(random, root)).join("; ")
  return { value: root.value, what }
}

/** A JSON file with its content changed, or seldom its text. */
export function mutateJson(random: Random, value: unknown): Mutated {
  if (random() < 0.85) {
    const mutated = mutateValue(random, value)
    return { bytes: Buffer.from(render(mutated.value)), what: mutated.what }
  }
  return mutateText(random, JSON.stringify(value, undefined, random() < 0.5 ? 2 : undefined))
}

/** The text of a file in another encoding, cut off, or with other bytes. */
export function mutateText(random: Random, text: string): Mutated {
  const plain = (content: string | Uint8Array, what: string): Mutated => ({ bytes: Buffer.from(content), what })
  switch (below(random, 9)) {
    case 0:
      return plain("", "empty")
    case 1:
      return plain(`\ufeff${text}`, "with a byte-order mark")
    case 2:
      return plain(Buffer.from(`\ufeff${text}`, "utf16le"), "in UTF-16")
    case 3:
      return plain(Buffer.from(text.replace(/[aeo]/, "é"), "latin1"), "in ISO-8859-1")
    case 4:
      return plain(text.slice(0, below(random, text.length)), "cut off")
    case 5:
      return plain(
        pick(random, ["null", "[]", "1", '"x"', "true", "{}", "[[]]", "[null]", "\u0000", "{"]),
        "another value",
      )
    case 6:
      return plain(text + text, "twice")
    default:
      return mutateBytes(random, Buffer.from(text))
  }
}
