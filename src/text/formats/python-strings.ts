/** The string methods and functions of a chat template as Python has them, where the Jinja library's differ. */

/** What str.strip() takes away by itself, as a class: not quite JavaScript's white space. */
export const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]"
const LEADING = new RegExp(`^${SPACE}+`)
const WORDS = new RegExp(`[^${SPACE.slice(1)}+`, "g")

interface Node {
  type: string
  [key: string]: unknown
}

function stripStart(text: string, characters?: string | null): string {
  if (characters == null) return text.replace(LEADING, "")
  const taken = new Set(characters)
  const rest = Array.from(text)
  const kept = rest.findIndex((character) => !taken.has(character))
  return kept < 0 ? "" : rest.slice(kept).join("")
}

function stripEnd(text: string, characters?: string | null): string {
  const isTaken = characters == null ? (c: string) => LEADING.test(c) : (c: string) => characters.includes(c)
  const all = Array.from(text)
  return all.slice(0, all.findLastIndex((character) => !isTaken(character)) + 1).join("")
}

function split(text: string, separator?: string | null, most: unknown = -1): string[] {
  const limit = typeof most === "number" && most >= 0 ? most : Number.POSITIVE_INFINITY
  if (separator === "") throw new Error("empty separator")
  if (separator != null) {
    const parts = text.split(separator)
    return parts.length <= limit + 1 ? parts : [...parts.slice(0, limit), parts.slice(limit).join(separator)]
  }
  const words = [...text.matchAll(WORDS)]
  if (words.length <= limit) return words.map(([word]) => word)
  return [...words.slice(0, limit).map(([word]) => word), stripEnd(text.slice(words[limit].index))]
}

const METHODS: Record<string, (text: string, ...args: never[]) => unknown> = {
  strip: (text, characters?: string) => stripEnd(stripStart(text, characters), characters),
  lstrip: stripStart,
  rstrip: stripEnd,
  split,
  capitalize: (text) =>
    text.replace(/^./su, (c) => c.toUpperCase()).replace(/(?<=^.).*/su, (rest) => rest.toLowerCase()),
  removeprefix: (text, prefix: string) => (text.startsWith(prefix) ? text.slice(prefix.length) : text),
  removesuffix: (text, suffix: string) =>
    suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text,
  find: (text, part: string) => text.indexOf(part),
  index: (text, part: string) => {
    if (!text.includes(part)) throw new Error("substring not found")
    return text.indexOf(part)
  },
  count: (text, part: string) => text.split(part).length - 1,
  rsplit: (text, separator: string, most: unknown = -1) => {
    const parts = split(text, separator)
    const kept = typeof most === "number" && most >= 0 ? Math.max(0, parts.length - most) : 0
    return kept > 1 ? [parts.slice(0, kept).join(separator), ...parts.slice(kept)] : parts
  },
  title: (text) => text.toLowerCase().replace(/(?<!\p{L})\p{L}/gu, (c) => c.toUpperCase()),
  isdigit: (text) => /^\p{Nd}+$/u.test(text),
  join: (text, list: unknown[]) => list.map(held).join(text),
  splitlines: (text) =>
    text.replace(/(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])$/, "").split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/),
}

const name = (method: string): string => `python_${method}`

/** What the rewritten calls of a template call. */
export const PYTHON_FUNCTIONS: Readonly<Record<string, (...args: unknown[]) => unknown>> = Object.fromEntries([
  ...Object.entries(METHODS).map(([method, work]) => [
    name(method),
    (text: unknown, ...args: unknown[]) => {
      if (typeof text !== "string") throw new Error(`${method}() is asked of something that is not text`)
      return work(text, ...(args as never[]))
    },
  ]),
  [name("length"), lengthOf],
  [name("equal"), equal],
  [name("unequal"), (a: unknown, b: unknown) => !equal(a, b)],
  [
    name("trim"),
    (value: unknown, characters?: string) => {
      const text = value === null ? "None" : String(value ?? "")
      return stripEnd(stripStart(text, characters), characters)
    },
  ],
])

/** Of a text in characters, where JavaScript counts some as two. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return Array.from(value).length
  if (value === undefined) return 0
  if (Array.isArray(value)) return value.length
  if (value instanceof Map) return value.size
  throw new Error("the length is asked of something that has none")
}

/** The library compares as JavaScript's == does, where "" is false, and lists and mappings by identity. */
function equal(a: unknown, b: unknown): boolean {
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(held(value), held(b.get(key))))
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, i) => equal(held(value), held(b[i])))
  const isNumber = (value: unknown): boolean => typeof value === "number" || typeof value === "boolean"
  return isNumber(a) && isNumber(b) ? Number(a) === Number(b) : a === b
}

/** What a value of the library holds. */
const held = (wrapped: unknown): unknown => (wrapped as { value?: unknown } | undefined)?.value

/**
 * Turns `x.strip(…)`, `x | trim`, `x | length`, `x == y` and `x != y` of a parsed template, in place, into calls of the
 * functions above, and lets loops over what is not there be empty.
 */
export function usePythonStrings(node: unknown): void {
  if (typeof node !== "object" || node === null) return
  for (const part of Object.values(node)) usePythonStrings(part)
  const { type, callee, filter, operator } = node as Node & { callee?: Node; filter?: Node; operator?: Node }
  if (type === "BinaryExpression" && (operator?.value === "==" || operator?.value === "!="))
    call(node as Node, operator.value === "==" ? "equal" : "unequal", (node as Node).left, [(node as Node).right])
  if (type === "CallExpression" && callee?.type === "MemberExpression" && !callee.computed) {
    const { value: method } = callee.property as Node
    if (Object.hasOwn(METHODS, method as string))
      call(node as Node, method as string, callee.object, (node as Node).args)
  }
  if (type === "For") {
    const loop = node as Node & { iterable: Node }
    const holder = loop.iterable.type === "SelectExpression" ? loop.iterable : loop
    const key = holder === loop ? "iterable" : "lhs"
    const none = { type: "ArrayLiteral", value: [] }
    // Of what is not there nothing can be asked, in Python: x.a.b stays an error where x.a is missing.
    const { type, object } = holder[key] as Node & { object?: Node }
    if (type === "Identifier" || (type === "MemberExpression" && object?.type !== "MemberExpression"))
      holder[key] = { type: "BinaryExpression", operator: { value: "or" }, left: holder[key], right: none }
  }
  if (type !== "FilterExpression" || !filter) return
  const [called, args] = filter.type === "CallExpression" ? [filter.callee as Node, filter.args] : [filter, []]
  if (called.value === "trim" || called.value === "length")
    call(node as Node, called.value, (node as Node).operand, args)
}

function call(node: Node, method: string, text: unknown, args: unknown): void {
  Object.assign(node, {
    type: "CallExpression",
    callee: { type: "Identifier", value: name(method) },
    args: [text, ...(args as unknown[])],
  })
}

const MONTHS = "January February March April May June July August September October November December".split(" ")
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ")
const two = (n: number): string => String(n).padStart(2, "0")

const DATE_PARTS: Record<string, (date: Date) => string> = {
  Y: (d) => String(d.getFullYear()),
  y: (d) => two(d.getFullYear() % 100),
  m: (d) => two(d.getMonth() + 1),
  B: (d) => MONTHS[d.getMonth()],
  b: (d) => MONTHS[d.getMonth()].slice(0, 3),
  d: (d) => two(d.getDate()),
  e: (d) => String(d.getDate()).padStart(2),
  A: (d) => DAYS[d.getDay()],
  a: (d) => DAYS[d.getDay()].slice(0, 3),
  H: (d) => two(d.getHours()),
  I: (d) => two(d.getHours() % 12 || 12),
  M: (d) => two(d.getMinutes()),
  S: (d) => two(d.getSeconds()),
  p: (d) => (d.getHours() < 12 ? "AM" : "PM"),
  F: (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`,
  T: (d) => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`,
  "%": () => "%",
}

/** A date as Python's strftime writes it in English, whatever the language of the machine. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([A-Za-z%])/g, (written, bare: string, part: string) => {
    if (!Object.hasOwn(DATE_PARTS, part)) return written
    const text = DATE_PARTS[part](date)
    return bare ? text.replace(/^[0 ](?=.)/, "") : text
  })
}
