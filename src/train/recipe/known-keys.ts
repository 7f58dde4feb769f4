/** Which keys a schema knows, and which of them a misspelt one may mean. */

import { z } from "zod"
import { nearest, plainName } from "../../nearest.js"
import { firstOf } from "../../readable.js"

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
  const elsewhere = everyKey(schema).find((path) => plainName(String(path.at(-1))) === plainName(key))
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
