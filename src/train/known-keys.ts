/** Which keys a schema knows, and which of them a misspelt one may mean. */

import { z } from "zod"
import { firstOf } from "../readable.js"

type Path = readonly PropertyKey[]

/** So many unknown keys of a section are no slips. */
const MANY = 12

/** Sentences about keys that a section does not have. */
export function unknownKeys(schema: z.ZodType, section: Path, keys: readonly string[]): string[] {
  return keys.map((key, i) => (i < MANY ? unknownKey(schema, section, key, keys.length === 1) : "there is no such key"))
}

function unknownKey(schema: z.ZodType, section: Path, key: string, isAlone: boolean): string {
  const known = sectionsAt(schema, section).flatMap(({ shape }) => Object.keys(shape))
  const near = nearest(key, known)
  if (near !== undefined) return `there is no such key: did you mean ${near}?`
  const elsewhere = everyKey(schema).find((path) => plain(String(path.at(-1))) === plain(key))
  if (elsewhere) return `there is no such key here: did you mean ${elsewhere.join(".")}?`
  return `there is no such key${isAlone && known.length > 0 ? `: there are ${firstOf(known, 30).join(", ")}` : ""}`
}

/** What a schema says of a value, without what says whether it may be absent. */
function within(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(within)
  if (schema instanceof z.ZodPipe) return within(schema.in)
  const { def } = schema._zod
  return "innerType" in def ? within(def.innerType as z.core.$ZodType) : [schema]
}

/** The sections with keys that may stand at a place. */
function sectionsAt(schema: z.core.$ZodType, [first, ...rest]: Path): z.ZodObject[] {
  return within(schema).flatMap((found) => {
    if (found instanceof z.ZodObject) {
      if (first === undefined) return [found]
      const child = found.shape[String(first)] as z.core.$ZodType | undefined
      return child ? sectionsAt(child, rest) : []
    }
    const entry =
      found instanceof z.ZodArray ? found.element : found instanceof z.ZodRecord ? found.valueType : undefined
    return entry && first !== undefined ? sectionsAt(entry, rest) : []
  })
}

/** Paths of all keys outside of lists. */
function everyKey(schema: z.core.$ZodType, path: Path = []): Path[] {
  return sectionsAt(schema, []).flatMap(({ shape }) =>
    Object.entries(shape).flatMap(([key, child]) => [[...path, key], ...everyKey(child, [...path, key])]),
  )
}

/** learningRate, learning-rate and Learning_Rate are the same. */
const plain = (key: string): string => key.toLowerCase().replace(/[-_ ]/g, "")

function nearest(key: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(plain(key).length / 4))
  const [found] = known
    .map((name) => ({ name, slips: slipsBetween(plain(key), plain(name)) }))
    .filter(({ slips }) => slips <= most)
    .sort((a, b) => a.slips - b.slips)
  return found?.name
}

/** Letters that were put in, left out, taken for others, or exchanged with the next one. */
function slipsBetween(a: string, b: string): number {
  // Longer ones are not slips, and would take long.
  if (Math.abs(a.length - b.length) > 8 || a.length > 64) return Number.POSITIVE_INFINITY
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    rows.push([i])
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const exchanged =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : Number.POSITIVE_INFINITY
      rows[i].push(Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + same, exchanged))
    }
  }
  return rows[a.length][b.length]
}
